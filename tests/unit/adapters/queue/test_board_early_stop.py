"""Jobs that may end with their first votes, on a real queue server: the same votes whatever came when, or was lost."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract.jobs import JobRecord, JobRequest, JobStatus, Shard
from adapters.contract.next_step import votes_between_looks
from adapters.contract.records import JobKind
from adapters.contract.results import CertifyResult, PredictResult
from adapters.queue.board import JobBoard
from adapters.queue.keys import queue_name
from adapters.settings import Settings
from robustify.smoothing.algorithms import first_settling_look
from robustify.smoothing.looks import Looks, Tally
from robustify.types import Bound, Phase, PredictTest
from tests.answers import answer_of, samples_of, standing_of
from tests.queue_fixtures import waiting_shards

MakeRequest = Callable[..., JobRequest]
STEP, N = 10, 45
LOOKS = Looks(STEP)
STARTS = range(0, N, STEP)
ENOUGH = 17
"""Votes for the first label that settle the answer of these tests."""


@dataclass(frozen=True)
class EnoughVotes:
    """Stops when the first label has enough votes."""

    n: int = N
    looks: Looks = LOOKS

    def is_settled(self, tally: Tally) -> bool:
        return tally.votes[0] >= ENOUGH


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)


def submit(board: JobBoard, make_request: MakeRequest, **others: object) -> JobRecord:
    """A prediction that may end after any shard."""
    early = {"kind": JobKind.PREDICT, "n": N, "test": PredictTest.SEQUENTIAL, "looks": LOOKS}
    return board.submit(make_request(**{**early, **others}), shard_samples=500)


def record(board: JobBoard, job: JobRecord, first: int, votes: tuple[int, int], phase: Phase = Phase.PREDICT) -> bool:
    """Whether the job is due afterwards."""
    samples = samples_of(job.vote_request, phase)
    shard = Shard(phase=phase, first=first, count=min(STEP, samples - first))
    return board.record_votes(job.id, shard, job.vote_request.fingerprint, votes).is_due


def looked_at(board: JobBoard, job: JobRecord) -> list[Sequence[int]]:
    """The votes between looks that count by now."""
    return list(votes_between_looks(standing_of(board, job.id), job.vote_request.phases[-1]))


def current(board: JobBoard, job: JobRecord) -> JobRecord:
    found = board.get(job.id)
    assert found is not None
    return found


def test_shards_when_a_job_may_stop_early(board: JobBoard, connection: redis.Redis, make_request: MakeRequest) -> None:
    """They are as large as its step: what was settled at submission decides, and no setting of the board's."""
    job = submit(board, make_request)

    assert board.lease(job.id, Shard(phase=Phase.PREDICT, first=0, count=STEP), "worker")
    assert connection.zcard(f"robustify:held:{queue_name(JobKind.PREDICT, job.request.engine)}") == 5


def test_first_votes_when_there_is_a_gap(board: JobBoard, make_request: MakeRequest) -> None:
    """What lies behind it is not looked at, though every vote makes the job due."""
    job = submit(board, make_request)
    assert looked_at(board, job) == []
    for first in (0, 20, 40, 10):
        assert record(board, job, first, (min(STEP, N - first), 0))
        expected = {0: 1, 20: 1, 40: 1, 10: 3}[first]
        assert looked_at(board, job) == [[10, 0]] * expected


def test_finish_when_its_votes_are_in(board: JobBoard, connection: redis.Redis, make_request: MakeRequest) -> None:
    """The job has succeeded, no shard waits or is wanted any more, and its samples are those of the result."""
    job = submit(board, make_request)
    assert board.lease(job.id, Shard(phase=Phase.PREDICT, first=30, count=10), "slow")
    for first in (0, 10, 40):
        record(board, job, first, (min(STEP, N - first), 0))
    assert board.finish(job.id, answer_of(board, job.id, 20))

    ended = current(board, job)
    assert (ended.status, ended.samples_done, ended.samples_total) == (JobStatus.SUCCEEDED, 20, N)
    assert waiting_shards(connection, JobKind.PREDICT, job.request.engine) == 0
    assert not board.is_live(job.id)
    assert not board.renew(job.id, Shard(phase=Phase.PREDICT, first=30, count=10), "slow")
    assert not record(board, job, 30, (10, 0))
    assert not board.finish(job.id, answer_of(board, job.id, 10))
    assert current(board, job) == ended


@pytest.mark.parametrize("samples", [30, 45, 5, 15, 50, -10])
def test_finish_when_its_votes_are_not_all_in(board: JobBoard, make_request: MakeRequest, samples: int) -> None:
    """Whoever thinks so is refused: they are missing, or no shard ends there."""
    job = submit(board, make_request)
    for first in (0, 10, 30):
        record(board, job, first, (10, 0))

    assert not board.finish(job.id, answer_of(board, job.id, samples))
    assert current(board, job).status is JobStatus.RUNNING


def test_finish_when_the_job_must_not_stop_early(board: JobBoard, make_request: MakeRequest) -> None:
    """A test of fixed n is never decided by its first votes."""
    job = board.submit(make_request(kind=JobKind.PREDICT, n=N), shard_samples=STEP)
    assert not any(record(board, job, first, (10, 0)) for first in (0, 10, 20, 30))

    assert not board.finish(job.id, answer_of(board, job.id, 40))
    assert record(board, job, 40, (5, 0))
    assert board.finish(job.id, answer_of(board, job.id))


def test_finish_when_the_class_is_not_chosen(board: JobBoard, make_request: MakeRequest) -> None:
    """Selection votes end nothing. Where they may be looked at early, each makes the job due, and the first ones may
    choose; later ones are dropped."""
    aim = {"bound": Bound.ANYTIME, "target_radius": 0.1, "selection_looks": LOOKS}
    job = submit(board, make_request, kind=JobKind.CERTIFY, n0=25, test=PredictTest.FIXED, **aim)
    assert board.select(job.id, 0, 10) is None
    assert all(record(board, job, first, (min(STEP, 25 - first), 0), Phase.SELECT) for first in (10, 0))
    assert board.select(job.id, 0, 15) is None
    assert not board.finish(job.id, answer_of(board, job.id, 10))
    assert board.select(job.id, 0, 10) == 0
    assert not record(board, job, 20, (5, 0), Phase.SELECT)
    assert record(board, job, 0, (10, 0), Phase.ESTIMATE)
    assert board.finish(job.id, answer_of(board, job.id, 10))
    ended = current(board, job)
    assert ended.samples_done == 20
    assert isinstance(ended.result, CertifyResult)
    assert (ended.result.selection_samples, ended.result.selection_counts) == (10, (10, 0))


@pytest.mark.parametrize(("lost_in", "is_kept"), [(None, True), (0, False), (30, True)])
def test_outcome_when_votes_are_missing(
    board: JobBoard, make_request: MakeRequest, lost_in: int | None, is_kept: bool
) -> None:
    """Only those that the result is of matter: without them it is no outcome, and asking again is a new job."""
    job = submit(board, make_request)
    for first in (0, 10, 30):
        record(board, job, first, (9 if first == lost_in else 10, 0))
    assert board.finish(job.id, answer_of(board, job.id, 20))

    assert (submit(board, make_request).id == job.id) is is_kept


def test_outcome_when_the_job_is_forgotten(board: JobBoard, connection: redis.Redis, make_request: MakeRequest) -> None:
    """Asked again, the job is done with the samples that were used."""
    job = submit(board, make_request)
    record(board, job, 0, (10, 0))
    assert board.finish(job.id, answer_of(board, job.id, 10))
    connection.delete(f"robustify:job:{job.id}")
    again = submit(board, make_request)

    assert again.id != job.id
    assert (again.status, again.samples_done, again.samples_total) == (JobStatus.SUCCEEDED, 10, N)


def test_job_when_its_worker_dies_before_it_looks(
    connection: redis.Redis, queue_settings: Settings, make_request: MakeRequest
) -> None:
    """After a lease's time somebody else is told to look, as often as nothing came of it."""
    board = JobBoard(connection, queue_settings.model_copy(update={"lease_seconds": 0.2}))
    job = submit(board, make_request)
    record(board, job, 0, (10, 0))
    assert board.reconcile(job.request.engine, pause=0.001) == []
    for _ in range(2):
        time.sleep(0.25)
        assert board.reconcile(job.request.engine, pause=0.001) == [job.id]
    assert current(board, job).status is JobStatus.RUNNING


def look(board: JobBoard, job: JobRecord) -> None:
    """What a worker does after each shard."""
    settled = first_settling_look(EnoughVotes(), looked_at(board, job))
    if settled is not None:
        board.finish(job.id, answer_of(board, job.id, settled.samples))


def expected_result(votes: list[int]) -> dict[str, object]:
    parts = [[count, 0] for count in votes]
    settled = first_settling_look(EnoughVotes(), parts)
    assert isinstance(settled, Tally)
    return {"votes": list(settled.votes), "samples_used": settled.samples}


@given(
    votes=st.lists(st.integers(0, 5), min_size=5, max_size=5) | st.lists(st.integers(3, 5), min_size=5, max_size=5),
    order=st.permutations([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]),
    dies=st.lists(st.booleans(), min_size=10, max_size=10),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_order_of_votes(
    connection: redis.Redis,
    queue_settings: Settings,
    make_request: MakeRequest,
    votes: list[int],
    order: list[int],
    dies: list[bool],
) -> None:
    """Late, twice, or with workers that die before they look: the result is that of the first look that settles it."""
    connection.flushall()
    shutil.rmtree(queue_settings.state.outcomes, ignore_errors=True)
    board = JobBoard(connection, queue_settings)
    job = submit(board, make_request)
    counts = [2 * count if start < 40 else count for start, count in zip(STARTS, votes, strict=True)]
    for shard, worker_dies in zip(order, dies, strict=True):
        record(board, job, STARTS[shard], (counts[shard], 0))
        if not worker_dies:
            look(board, job)
    look(board, job)

    result = current(board, job).result
    assert isinstance(result, PredictResult)
    assert {"votes": list(result.counts), "samples_used": result.samples_used} == expected_result(counts)
