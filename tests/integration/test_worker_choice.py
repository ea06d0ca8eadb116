"""Workers that take some kinds of job only, and what a container asks about its worker."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from adapters.contract.jobs import JobRecord, JobRequest
from adapters.contract.records import JobKind
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from tests.forks import Fork

MakeRequest = Callable[..., JobRequest]
StartWorker = Callable[..., Fork]
WaitUntil = Callable[..., None]

REPOSITORY = Path(__file__).parents[2]


def is_done(board: JobBoard, job: JobRecord) -> bool:
    record = board.get(job.id)
    assert record is not None
    return record.status.done


def test_workers_of_different_kinds(
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    start_loaded_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """One that takes predictions leaves certificates to one that takes these."""
    start_loaded_worker(queue_settings.model_copy(update={"kinds": "predict,adapt"}))
    certificate = board.submit(make_request(), 500)
    prediction = board.submit(make_request(kind=JobKind.PREDICT, n=100), 500)
    wait_until(lambda: is_done(board, prediction))
    assert [worker.kinds for worker in board.workers()] == [(JobKind.PREDICT, JobKind.ADAPT)]
    assert not is_done(board, certificate)
    start_loaded_worker(queue_settings.model_copy(update={"kinds": "certify"}))
    wait_until(lambda: is_done(board, certificate))


def test_health_of_a_worker(
    board: JobBoard, queue_settings: Settings, start_loaded_worker: StartWorker, wait_until: WaitUntil
) -> None:
    """It is well while it shows itself; before, and soon after it was killed, it is not, and one line says so."""
    assert health(queue_settings) == (1, "robustify: no worker of this host has shown itself lately")
    worker = start_loaded_worker()
    wait_until(lambda: bool(board.workers()))
    assert health(queue_settings) == (0, "")
    elsewhere = board.workers()[0].model_copy(update={"name": "elsewhere", "host": "elsewhere"})
    worker.kill()
    board.register(elsewhere, ttl=60)
    wait_until(lambda: [found.name for found in board.workers()] == ["elsewhere"])
    assert health(queue_settings)[0] == 1


def test_health_without_a_queue_server(queue_settings: Settings, tmp_path: Path) -> None:
    """A worker that cannot reach the queue server is not well."""
    code, said = health(queue_settings.model_copy(update={"redis_url": f"unix://{tmp_path}/none"}))
    assert (code, said.count("\n")) == (1, 0)
    assert "queue server" in said


def health(settings: Settings) -> tuple[int, str]:
    """The exit code of `python -m workers.health`, and what it says."""
    environment = {"ROBUSTIFY_REDIS_URL": str(settings.redis_url), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "workers.health"]
    finished = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60)
    return finished.returncode, finished.stderr.strip()
