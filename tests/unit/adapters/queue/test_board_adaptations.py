"""Adaptations on the job board: one at a time for a task, held by one worker, withdrawn, lost, finished."""

import time
from collections.abc import Callable

import pytest
import redis

from adapters.contract.jobs import AdaptRequest, JobRecord, JobRequest, JobStatus, Shard
from adapters.contract.labels import task_id
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.errors import TaskConflictError
from robustify.types import Phase
from tests.answers import adapted

STEPS = 40
WORK = Shard(phase=Phase.ADAPT, first=0, count=STEPS)


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings.model_copy(update={"lease_seconds": 0.2}))


def request_of(name: str = "pets", seed: int = 0) -> AdaptRequest:
    return AdaptRequest(
        name=name,
        labels=("cat", "dog"),
        template="a {}",
        shots=1,
        held_back=1,
        seed=seed,
        steps=20,
        batch_size=4,
        learning_rate=1e-3,
        guidance_weight=0.01,
        rank=4,
        fine_tuning_steps=0,
        fine_tuning_batch_size=4,
        fine_tuning_learning_rate=1e-5,
        fine_tuning_mix=1.0,
        publish="always",
        profile="mini",
        engine="e" * 64,
        models=find_profile("mini").model_digest,
    )


def current(board: JobBoard, job: JobRecord) -> JobRecord:
    record = board.get(job.id)
    assert record is not None
    return record


def begun(board: JobBoard, **changes: object) -> JobRecord:
    job = board.admit_adaptation(request_of(**changes), STEPS).record  # type: ignore[arg-type]
    assert board.lease(job.id, WORK, "worker")
    return job


def test_the_same_request_while_it_is_under_way(board: JobBoard) -> None:
    """Both clients get one job."""
    job = board.admit_adaptation(request_of(), STEPS).record

    assert board.admit_adaptation(request_of(), STEPS).record.id == job.id


def test_another_request_for_the_task(board: JobBoard) -> None:
    """It is refused while one is under way, by whatever spelling of the name, and taken when that is over."""
    job = board.admit_adaptation(request_of(), STEPS).record
    with pytest.raises(TaskConflictError, match=job.id):
        board.admit_adaptation(request_of("PETS", seed=1), STEPS)
    other = board.admit_adaptation(request_of("plants", seed=1), STEPS).record
    board.cancel(job.id)

    assert len({job.id, other.id, board.admit_adaptation(request_of(seed=1), STEPS).record.id}) == 3


def test_the_same_request_after_it_succeeded(board: JobBoard) -> None:
    """It is a new job: the task may have been deleted meanwhile."""
    job = begun(board)
    assert board.complete(job.id, WORK, "worker", adapted())

    assert board.admit_adaptation(request_of(), STEPS).record.id != job.id


def test_it_moves_and_ends(board: JobBoard) -> None:
    """Its holder alone says how far it is, and ends it."""
    job = begun(board)
    assert not board.note_progress(job.id, WORK, "another", "synthesize", 3)
    assert not board.complete(job.id, WORK, "another", adapted())
    assert board.note_progress(job.id, WORK, "worker", "personalize", 7)
    assert (current(board, job).stage, current(board, job).samples_done) == ("personalize", 7)
    assert board.complete(job.id, WORK, "worker", adapted())

    record = current(board, job)
    assert (record.status, record.samples_done, record.samples_total) == (JobStatus.SUCCEEDED, STEPS, STEPS)
    assert record.result == adapted()
    assert board.queue_depths()["adapt"] == 0


def test_it_is_canceled(board: JobBoard) -> None:
    """Its holder hears of it with the next step, and can end it no more."""
    job = begun(board)
    board.cancel(job.id)

    assert not board.note_progress(job.id, WORK, "worker", "personalize", 7)
    assert not board.complete(job.id, WORK, "worker", adapted())
    assert current(board, job).status is JobStatus.CANCELED


def test_its_worker_is_lost(board: JobBoard) -> None:
    """Another gets it when the lease is over, and the first one must stop."""
    job = begun(board)
    time.sleep(0.25)
    board.reconcile("e" * 64, pause=0.001)

    assert board.lease(job.id, WORK, "another")
    assert not board.note_progress(job.id, WORK, "worker", "personalize", 7)
    assert board.note_progress(job.id, WORK, "another", "personalize", 5)


def test_votes_for_it(board: JobBoard) -> None:
    """It counts none."""
    job = begun(board)

    assert board.record_votes(job.id, WORK, "", []).refusal == "no-votes"
    assert current(board, job).status is JobStatus.RUNNING


def test_the_jobs_of_a_task(board: JobBoard, make_request: Callable[..., JobRequest]) -> None:
    """Those that adapt it and those that answer with it, while they are not done."""
    adapting = begun(board)
    answering = board.submit(make_request(task="Pets", version=1), 500)
    board.submit(make_request(n=900), 500)
    pets = task_id("pets")
    assert set(board.jobs_of_task(pets)) == {adapting.id, answering.id}
    for job in (adapting, answering):
        board.cancel(job.id)

    assert board.jobs_of_task(pets) == []
