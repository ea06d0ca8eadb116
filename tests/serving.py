"""An API as it is served, in a thread of the tests, without a queue: for what needs none."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import httpx
from fastapi import FastAPI

from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from service.app import create_app
from service.serving.run import ApiServer, server_of

START_SECONDS = 20


@dataclass(frozen=True)
class Served:
    """A running server, its application, and a client of it."""

    server: ApiServer
    app: FastAPI
    client: httpx.Client
    port: int


def app_without_queue(settings: Settings) -> FastAPI:
    """Whatever asks the queue is answered with 503."""
    board = JobBoard(connect(settings.redis_url or "unix:///nowhere"), settings)
    return create_app(settings, board, ImageStore(settings.state.images))


@contextmanager
def served(settings: Settings, app: FastAPI | None = None, most: int | None = None) -> Iterator[Served]:
    """Until the block ends; `most` connections, where that is given."""
    app = app or app_without_queue(settings)
    server = server_of(app, settings.model_copy(update={"port": 0}))
    if most is not None:
        server.server_state.most = most
    with (
        in_a_thread(server, app) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield Served(server, app, client, port)


@contextmanager
def in_a_thread(server: ApiServer, app: FastAPI) -> Iterator[int]:
    """Serves until the block ends; gives the port."""
    thread = threading.Thread(target=server.run, daemon=True)
    try:
        # A decoder starts with the first picture then: most tests send none, and three processes take longer than they.
        with patch.object(app.state.service.decoders, "start"):
            thread.start()
            port = port_of(server)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def port_of(server: ApiServer) -> int:
    """Where it listens, once it does."""
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the API did not start"
        time.sleep(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
