"""A real API server on a free port, over a real queue server; tests play the worker where one is needed."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from PIL import Image

from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.embedded import EmbeddedServer
from adapters.queue.messages import JobRecord, shards_of
from adapters.settings import Settings
from adapters.store.files import ImageStore
from service.app import create_app
from service.dependencies import image_folder

START_SECONDS = 20


@dataclass(frozen=True)
class Api:
    """A running API, a client of it, and the board behind it."""

    client: httpx.Client
    board: JobBoard
    settings: Settings

    def run(self, job_id: str, shards: int | None = None) -> JobRecord:
        """Does what a worker would: all votes for the first class, for so many shards of a prediction or for all."""
        record = self.record(job_id)
        for phase, samples in record.request.phases:
            planned = list(shards_of(phase, samples, self.settings.shard_samples or 500))
            for shard in planned[:shards]:
                self.board.lease(job_id, shard, "test")
                votes = [shard.count, *(0 for _ in record.request.labels[1:])]
                assert self.board.record_votes(job_id, shard, record.request.fingerprint, votes).counted
            if shards is None and phase == "select":
                self.board.select(job_id, 0)
        if shards is None:
            self.board.finish(job_id, {"outcome": "predicted", "index": 0})
        return self.record(job_id)

    def record(self, job_id: str) -> JobRecord:
        record = self.board.get(job_id)
        assert record is not None
        return record


@pytest.fixture(scope="session")
def api_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A queue server that no worker of another test knows of."""
    with EmbeddedServer(tmp_path_factory.mktemp("queue")) as server:
        yield server


@pytest.fixture(scope="session")
def api(api_queue: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API of profile oracle-linear; no worker lives."""
    settings = Settings(
        profile="oracle-linear",
        state_dir=tmp_path_factory.mktemp("state"),
        redis_url=api_queue.url,
        shard_samples=50,
    )
    with running_api(settings) as started:
        yield started


@pytest.fixture
def start_api() -> Iterator[Callable[[Settings], Api]]:
    """Starts further APIs with other settings, and ends them after the test."""
    with ExitStack() as stack:
        yield lambda settings: stack.enter_context(running_api(settings))


@contextmanager
def running_api(settings: Settings) -> Iterator[Api]:
    """uvicorn in a thread of the tests, asked for a port of its own choice."""
    assert settings.redis_url is not None
    board = JobBoard(connect(settings.redis_url), settings)
    app = create_app(settings, board, ImageStore(image_folder(settings)))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port_of(server)}", timeout=30) as client:
            yield Api(client, board, settings)
    finally:
        server.should_exit = True
        thread.join()


def port_of(server: uvicorn.Server) -> int:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the API did not start"
        time.sleep(0.01)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG file of the canonical size."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
