"""What never changes, and who has it."""

import pytest
from fastapi import Request

from service.caching import is_known

ETAG = '"abc"'


def request_with(*values: str) -> Request:
    return Request({"type": "http", "headers": [(b"if-none-match", value.encode()) for value in values]})


@pytest.mark.parametrize("values", [('"abc"',), ('W/"abc"',), ('"x", "abc"',), ('"x"', 'W/"abc"'), ("*",)])
def test_tag_when_the_client_names_it(values: tuple[str, ...]) -> None:
    """In one header or several, weak or strong, or with all others."""
    assert is_known(request_with(*values), ETAG)


@pytest.mark.parametrize("values", [(), ("",), ("abc",), ('"x"',), ('"abcd"',)])
def test_tag_when_the_client_names_another(values: tuple[str, ...]) -> None:
    """Without its quotes it is another tag."""
    assert not is_known(request_with(*values), ETAG)
