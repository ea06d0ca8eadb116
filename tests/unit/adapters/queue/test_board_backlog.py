"""What is left to do for an engine, by which workers are started and stopped: on a real queue server."""

from collections.abc import Callable, Sequence

import pytest
import redis

from adapters.contract.figures import Backlog
from adapters.contract.jobs import JobRecord, JobRequest, Shard
from adapters.contract.records import JobKind
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.types import Phase
from tests.answers import answer_of

MakeRequest = Callable[..., JobRequest]
SHARD_SAMPLES = 100


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)


def left(board: JobBoard, engine: str, kind: JobKind = JobKind.CERTIFY) -> Backlog:
    return next(found for found in board.backlog([engine]) if found.kind is kind)


def work_on(board: JobBoard, job: JobRecord, phase: Phase, firsts: Sequence[int]) -> None:
    """One worker after the other takes a shard and counts it."""
    for first in firsts:
        shard = Shard(phase=phase, first=first, count=SHARD_SAMPLES)
        assert board.lease(job.id, shard, f"worker-{first}") is not None
        assert board.record_votes(job.id, shard, job.vote_request.fingerprint, [SHARD_SAMPLES, 0]).counted


def test_backlog_when_a_certificate_goes_its_way(board: JobBoard, make_request: MakeRequest) -> None:
    """From its submission to its end something is left, and nothing before and after; shards show how much."""
    request = make_request(n=400)
    assert left(board, request.engine).steps == 0
    job = board.submit(request, SHARD_SAMPLES)
    assert left(board, request.engine).waiting == 1
    work_on(board, job, Phase.SELECT, [0])
    between = left(board, request.engine)
    assert (between.waiting, between.running, between.shards, between.steps) == (0, 1, 0, 1)
    board.select(job.id, 0, SHARD_SAMPLES)
    assert left(board, request.engine).steps == 4
    work_on(board, job, Phase.ESTIMATE, [0, 100, 200, 300])
    assert left(board, request.engine).steps == 1
    assert board.finish(job.id, answer_of(board, job.id))
    assert left(board, request.engine).steps == 0


def test_backlog_when_the_worker_of_the_last_shard_is_gone(board: JobBoard, make_request: MakeRequest) -> None:
    """What it held still counts: who scales to zero by it would leave the job for ever otherwise."""
    request = make_request(kind=JobKind.PREDICT, n=SHARD_SAMPLES)
    job = board.submit(request, SHARD_SAMPLES)
    assert board.lease(job.id, Shard(phase=Phase.PREDICT, first=0, count=SHARD_SAMPLES), "gone") is not None
    assert left(board, request.engine, JobKind.PREDICT).steps == 1


@pytest.mark.parametrize("has_begun", [False, True])
def test_backlog_when_a_job_is_canceled(board: JobBoard, make_request: MakeRequest, has_begun: bool) -> None:
    """Nothing is left of it: a client cannot keep workers up with jobs that nobody wants."""
    request = make_request(n=400)
    job = board.submit(request, SHARD_SAMPLES)
    if has_begun:
        work_on(board, job, Phase.SELECT, [0])
    board.cancel(job.id)
    assert left(board, request.engine).steps == 0


def test_backlog_when_another_engine_is_asked(
    board: JobBoard, make_request: MakeRequest, queue_settings: Settings
) -> None:
    """Its workers cannot do the work of this one: it is not told to them, whatever the kind."""
    request = make_request(settings=queue_settings.model_copy(update={"batch_size": 7}))
    board.submit(request, SHARD_SAMPLES)
    other = make_request().engine
    assert left(board, request.engine).steps == 1
    assert [found.steps for found in board.backlog([other])] == [0] * len(JobKind)
    assert board.backlog([]) == ()
