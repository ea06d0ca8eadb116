"""The queue server loses all that it has, in the middle of the work: answers that were given stay what they were."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from adapters.contract.jobs import JobStatus
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from tests.integration.api.conftest import Api
from tests.pictures import encoded

JOBS = 100
ANSWERED_BEFORE = 30
FIELDS = {"labels": ["left", "right"], "n": "100"}
END_SECONDS = 120.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def service(
    server: EmbeddedServer, tmp_path: Path, start_api: Callable[[Settings], Api],
    start_worker: Callable[..., Any], wait_until: Callable[..., None],
) -> Api:  # fmt: skip
    """An API and two workers, each job some tenths of a second of work."""
    settings = Settings(
        profile="oracle-linear",
        redis_url=server.url,
        state_dir=tmp_path / "state",
        threads=1,
        lease_seconds=1.0,
        batch_size=50,
    )
    api = start_api(settings)
    for _ in range(2):
        start_worker(settings, batch_seconds=0.15)
    wait_until(lambda: api.client.get("/readyz").status_code == 200)
    return api


def pictures(number: int) -> list[bytes]:
    generator = np.random.default_rng(0)
    return [encoded(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(number)]


def ask(client: httpx.Client, picture: bytes, wait: int = 0) -> dict[str, Any]:
    """A job of this question, whether it is done or not; who is told to come again does so."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        asked = client.post("/predict", files={"image": picture}, data=FIELDS, headers={"Prefer": f"wait={wait}"})
        if asked.status_code in (200, 202):
            job: dict[str, Any] = asked.json()
            return job
        assert asked.status_code == 503, asked.text
        assert "Retry-After" in asked.headers
        time.sleep(0.1)
    raise AssertionError("it was never accepted")


def answered(client: httpx.Client, picture: bytes) -> dict[str, Any]:
    """The answer, which another asks for again where the job was lost."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        job = ask(client, picture, wait=10)
        if job["status"] == JobStatus.SUCCEEDED:
            result: dict[str, Any] = job["result"]
            return result
    raise AssertionError("it was never answered")


def lose_everything(server: EmbeddedServer, folder: Path) -> None:
    server.kill()
    shutil.rmtree(folder / "queue" / "appendonlydir")
    server.start()


def test_answers_when_the_queue_server_loses_everything(service: Api, server: EmbeddedServer, tmp_path: Path) -> None:
    """What was answered is answered again, to the letter; what was not is answered now; the ledger has all of it."""
    client, questions = service.client, pictures(JOBS)
    jobs = [ask(client, picture) for picture in questions]
    before: dict[int, dict[str, Any]] = {}
    while len(before) < ANSWERED_BEFORE:
        for number, job in enumerate(jobs):
            if number not in before and (seen := client.get(f"/jobs/{job['id']}").json())["done"]:
                before[number] = seen["result"]
    assert len(before) < JOBS, "it was too late"

    lose_everything(server, tmp_path / "server")

    after = [answered(client, picture) for picture in questions]
    assert {number: after[number] for number in before} == before
    assert [answered(client, picture) for picture in questions] == after
    issued = client.get("/ledger").json()["predictions"]["issued"]
    assert JOBS <= issued <= 2 * JOBS - len(before)
    with connect(server.url) as connection:
        board = JobBoard(connection, service.settings)
        board.agree_on_ledger()
        assert board.ledger().predictions.issued >= issued


def test_ledger_when_the_queue_server_loses_everything(service: Api, server: EmbeddedServer, tmp_path: Path) -> None:
    """It is told what is stored, before anybody reads it."""
    for picture in pictures(3):
        answered(service.client, picture)
    issued = service.client.get("/ledger").json()
    lose_everything(server, tmp_path / "server")
    assert service.client.get("/ledger").json() == issued
