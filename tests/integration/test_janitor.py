"""What is removed beside the requests, and when: on a real queue server and a real disk."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import redis

from adapters.contract.jobs import JobRequest, JobStatus
from adapters.contract.records import JobKind
from adapters.contract.results import PictureName
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.outcomes import OutcomeStore
from adapters.store.previews import PreviewStore
from adapters.store.tensors import ImageStore
from robustify.errors import QueueUnavailableError
from service.janitor import Janitor, usual_search_seconds

MakeRequest = Callable[..., JobRequest]
LONG_AGO = time.time() - 40 * 86400


@pytest.fixture
def store(queue_settings: Settings) -> ImageStore:
    return ImageStore(queue_settings.state.images)


@pytest.fixture
def janitor(queue_settings: Settings, board: JobBoard, store: ImageStore) -> Janitor:
    return Janitor(queue_settings, board, store, round_seconds=0.01, search_seconds=0.001)


@pytest.fixture
def stored(make_request: MakeRequest, store: ImageStore) -> Callable[[int], JobRequest]:
    """A request about an image of its own, which is stored."""

    def make(number: int) -> JobRequest:
        return make_request(np.full((3, 32, 32), number / 100, dtype=np.float32), kind=JobKind.PREDICT)

    return make


def images(settings: Settings) -> set[str]:
    return {path.name for path in settings.state.images.glob("??/*")}


def end_time_of(connection: redis.Redis, image: str) -> None:
    connection.zadd("robustify:images", {image: 1.0})


def test_image_when_its_time_is_over(
    janitor: Janitor,
    board: JobBoard,
    connection: redis.Redis,
    queue_settings: Settings,
    stored: Callable[[int], JobRequest],
) -> None:
    """It goes, with its folder; one that a job needs stays, and so does one that somebody sends again meanwhile."""
    over, needed, again = (stored(number) for number in range(3))
    for request in (over, needed, again):
        board.submit(request, 500)
    for request in (over, again):
        end_time_of(connection, request.image.sha256)
    board.submit(again.model_copy(update={"alpha": 0.01}), 500)
    janitor.round()
    assert images(queue_settings) == {needed.image.sha256, again.image.sha256}


def test_image_when_nobody_knows_it(
    janitor: Janitor, board: JobBoard, queue_settings: Settings, stored: Callable[[int], JobRequest]
) -> None:
    """A crash or an earlier release left it: it goes when it is older than any lifetime, and not before."""
    orphan, young, known = (stored(number) for number in range(3))
    board.submit(known, 500)
    for request in (orphan, known):
        sha256 = request.image.sha256
        os.utime(queue_settings.state.images / sha256[:2] / sha256, (LONG_AGO, LONG_AGO))
    janitor.round()
    assert images(queue_settings) == {young.image.sha256, known.image.sha256}


def test_outcome_when_its_time_is_over(janitor: Janitor, queue_settings: Settings) -> None:
    """It goes with its folders, as does what a process that died left; a younger one stays."""
    outcomes = OutcomeStore(queue_settings.state.outcomes)
    for image in ("1a" * 32, "2b" * 32):
        outcomes.keep("", image, "3c" * 32, "{}")
    folder = queue_settings.state.outcomes / "1a" / ("1a" * 32)
    (folder / ".partial-x").write_bytes(b"")
    for path in folder.iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))
    janitor.round()
    assert list(folder.iterdir()) == []
    for empty in (folder, folder.parent):
        os.utime(empty, (LONG_AGO, LONG_AGO))
        time.sleep(0.002)
        janitor.round()
    assert [path.name for path in queue_settings.state.outcomes.iterdir()] == ["2b"]


def test_picture_of_a_preview_when_its_time_is_over(janitor: Janitor, queue_settings: Settings) -> None:
    """It goes with its folder; a younger one stays."""
    previews = PreviewStore(queue_settings.state.previews)
    for job in ("old", "young"):
        previews.keep("key", job, "1a" * 32, {PictureName.NOISY: b"png"})
    (old,) = queue_settings.state.previews.rglob("old.*/*.png")
    os.utime(old, (LONG_AGO, LONG_AGO))
    janitor.round()
    assert [path.name for path in (queue_settings.state.previews / "key").iterdir()] == [f"young.{'1a' * 32}"]


def test_job_when_no_worker_lives(
    janitor: Janitor, connection: redis.Redis, queue_settings: Settings, store: ImageStore,
    stored: Callable[[int], JobRequest],
) -> None:  # fmt: skip
    """It expires all the same."""
    board = JobBoard(connection, queue_settings.model_copy(update={"queue_seconds": 1}))
    job = board.submit(stored(1), 500)
    time.sleep(1.1)
    assert connection.hget(f"robustify:job:{job.id}", "status") == b"queued"
    janitor.round()
    assert connection.hget(f"robustify:job:{job.id}", "status") == JobStatus.EXPIRED.encode()


def test_search_when_another_process_has_made_it(queue_settings: Settings, board: JobBoard, store: ImageStore) -> None:
    """It is made once in its time by all of them."""
    one, two = (Janitor(queue_settings, board, store, search_seconds=60) for _ in range(2))
    outcomes = OutcomeStore(queue_settings.state.outcomes)
    one.round()
    outcomes.keep("", "1a" * 32, "3c" * 32, "{}")
    (path,) = queue_settings.state.outcomes.rglob("*.json")
    os.utime(path, (LONG_AGO, LONG_AGO))
    two.round()
    assert path.is_file()


@pytest.mark.parametrize(("outcome_seconds", "seconds"), [(60, 30.0), (600, 120.0), (30 * 86400, 3600.0)])
def test_search_when_outcomes_are_kept_for_a_short_time(
    queue_settings: Settings, outcome_seconds: int, seconds: float
) -> None:
    """The disk is looked at several times in their lifetime, and every hour at least."""
    settings = queue_settings.model_copy(update={"outcome_seconds": outcome_seconds})
    assert usual_search_seconds(settings) == seconds


@pytest.mark.parametrize("error", [QueueUnavailableError("away"), OSError("no space")])
def test_round_when_it_cannot_be_made(
    janitor: Janitor, board: JobBoard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:  # fmt: skip
    """It is tried again and again, and told once; when all was well meanwhile, it is told anew."""
    tick, failures = board.tick, iter((True, True, True, False, True, True))

    def tick_or_fail() -> None:
        if next(failures):
            raise error
        tick()

    monkeypatch.setattr(board, "tick", tick_or_fail)
    for _ in range(6):
        janitor.round()
    assert [str(error) in record.getMessage() for record in caplog.records] == [True, True]


def test_round_when_it_takes_long(janitor: Janitor, board: JobBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop goes on meanwhile, and does not wait for its end when the service stops."""
    begun, may_end = threading.Event(), threading.Event()

    def tick() -> None:
        begun.set()
        may_end.wait()

    monkeypatch.setattr(board, "tick", tick)

    async def beside() -> None:
        running = asyncio.create_task(janitor.run())
        while not begun.is_set():
            await asyncio.sleep(0.001)
        running.cancel()
        (ended,) = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)
        assert not may_end.is_set(), "it was waited for"
        may_end.set()

    asyncio.run(beside())


def test_image_when_its_file_cannot_be_removed(
    janitor: Janitor, board: JobBoard, connection: redis.Redis, queue_settings: Settings, store: ImageStore,
    stored: Callable[[int], JobRequest], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The others go all the same, in the same round."""
    requests = [stored(number) for number in range(5)]
    for request in requests:
        board.submit(request, 500)
        end_time_of(connection, request.image.sha256)
    stuck = requests[2].image.sha256
    unlink = Path.unlink

    def unlink_others(path: Path, missing_ok: bool = False) -> None:
        if path.name == stuck:
            raise PermissionError(13, "not allowed")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_others)
    janitor.round()
    assert images(queue_settings) == {stuck}
