"""Clients that never finish what they began to send, over real HTTP."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

SLOW_CLIENTS = 200
FILES_NEEDED = 1024
HALF_A_HEADER = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Le"
HALF_A_BODY = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"


@pytest.fixture
def enough_open_files() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES_NEEDED), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("enough_open_files")
@pytest.mark.parametrize("half", [b"", HALF_A_HEADER, HALF_A_BODY], ids=["nothing", "half a header", "half a body"])
def test_good_request_when_many_clients_sent_half_of_one(api: "Api", picture: bytes, half: bytes) -> None:
    """The next good request on a new connection is served all the same."""
    good: dict[str, Any] = {"files": {"image": picture}, "data": {"labels": ["slow", "quick"]}}
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            slow = stack.enter_context(socket.create_connection((api.client.base_url.host, api.client.base_url.port)))
            slow.sendall(half)
        with httpx.Client(base_url=api.client.base_url, timeout=10) as newcomer:
            assert newcomer.post("/certify", **good).status_code == 202
            assert newcomer.get("/healthz").status_code == 200
