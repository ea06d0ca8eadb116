"""A whole instance of the service, started for a test and ended after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from adapters.settings import Settings
from workers.commands.demo import wait_until_ready
from workers.server_client import Server
from workers.supervision.stack import running_stack


@contextmanager
def running(settings: Settings) -> Iterator[httpx.Client]:
    """A client of an instance that is ready to answer."""
    server = Server(f"http://{settings.host}:{settings.port}")
    with running_stack(settings) as supervisor, server.client:
        wait_until_ready(server, supervisor)
        yield server.client
