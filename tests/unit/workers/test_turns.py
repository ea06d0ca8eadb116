"""Which work a worker takes next when more of everything waits than it can do."""

from collections.abc import Callable

import pytest
import redis

from adapters.contract.jobs import JobRecord
from adapters.contract.records import JobKind
from tests.unit.workers.test_shards import Bench, bench, submit
from workers.worker import PREDICTIONS_IN_A_ROW, ShardWorker, kind_of

__all__ = ["bench", "submit"]

Submit = Callable[..., JobRecord]


@pytest.fixture
def worker(bench: Bench, connection: redis.Redis) -> ShardWorker:
    return ShardWorker(connection, bench.board, bench.runner, bench.stop, tick_seconds=3600)


def taken(worker: ShardWorker, number: int) -> list[JobKind]:
    """The kinds of the next shards that it takes."""
    found = [worker.dequeue_job_and_maintain_ttl(None) for _ in range(number)]
    return [kind_of(popped[1]) for popped in found if popped]


def test_certificate_when_predictions_never_end(worker: ShardWorker, submit: Submit) -> None:
    """It has a turn after some of them, and they go on after it."""
    submit(n=500, n0=500)
    for number in range(2 * PREDICTIONS_IN_A_ROW):
        submit(JobKind.PREDICT, n=20 + number)

    row = [JobKind.PREDICT] * PREDICTIONS_IN_A_ROW
    assert taken(worker, 2 * PREDICTIONS_IN_A_ROW + 1) == [*row, JobKind.CERTIFY, *row]


def test_predictions_when_nothing_else_waits(worker: ShardWorker, submit: Submit) -> None:
    """However many there are, each is taken."""
    for number in range(2 * PREDICTIONS_IN_A_ROW):
        submit(JobKind.PREDICT, n=20 + number)

    assert taken(worker, 2 * PREDICTIONS_IN_A_ROW) == [JobKind.PREDICT] * 2 * PREDICTIONS_IN_A_ROW


def test_certificate_that_is_under_way(worker: ShardWorker, submit: Submit) -> None:
    """Between two batches some predictions are served, and then it goes on."""
    jobs = [submit(JobKind.PREDICT, n=20 + number) for number in range(2 * PREDICTIONS_IN_A_ROW)]
    worker.serve_predictions()
    done = [worker._board.get(job.id) for job in jobs]

    assert sum(record is not None and record.status.done for record in done) == PREDICTIONS_IN_A_ROW
