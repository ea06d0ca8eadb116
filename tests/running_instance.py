"""A whole instance of the service, started for a test and ended after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from adapters.settings import Settings
from workers.stack import running_stack

WaitUntil = Callable[..., None]


@contextmanager
def running(settings: Settings, wait_until: WaitUntil) -> Iterator[httpx.Client]:
    """A client of an instance that is ready to answer."""
    address = f"http://{settings.host}:{settings.port}"
    with running_stack(settings), httpx.Client(base_url=address, timeout=90) as client:

        def is_ready() -> bool:
            try:
                return client.get("/readyz").is_success
            except httpx.TransportError:
                return False

        wait_until(is_ready)
        yield client
