"""What the tests of the client share: both clients, called in one way."""

import pytest

from tests.client_samples import Call, call_async_client, call_client


@pytest.fixture(params=[call_client, call_async_client], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Calls a method of one of the two clients: `call(url, method, ...)`."""
    found: Call = request.param
    return found
