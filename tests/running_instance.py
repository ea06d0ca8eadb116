"""A whole instance of the service, started for a test and ended after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from adapters.settings import Settings
from tests.forked_children import Program, forked_children, run_program
from workers.commands.demo import wait_until_ready
from workers.server_client import Server
from workers.supervision.stack import running_stack


@contextmanager
def running(settings: Settings, program: Program = run_program) -> Iterator[httpx.Client]:
    """A client of an instance that is ready to answer, whose processes are forked."""
    url = f"http://{settings.host}:{settings.port}"
    server = Server(url)
    with forked_children(program), running_stack(settings) as supervisor, server.client:
        wait_until_ready(server, supervisor)
        with httpx.Client(base_url=url, timeout=60) as client:
            yield client
