"""Which work a worker takes next when more of everything waits than it can do."""

from collections.abc import Callable

import pytest
import redis

from adapters.contract.jobs import JobRecord
from adapters.contract.records import JobKind
from tests.unit.workers.test_shards import Bench, bench, submit
from workers.turns import AHEAD_SECONDS, SHARE_OF_THE_REST, Turns
from workers.worker import ShardWorker, kind_of

__all__ = ["bench", "submit"]

Submit = Callable[..., JobRecord]


@pytest.fixture
def worker(bench: Bench, connection: redis.Redis) -> ShardWorker:
    return ShardWorker(connection, bench.board, bench.runner, bench.stop, tick_seconds=3600)


def taken(worker: ShardWorker, number: int) -> list[JobKind]:
    """The kinds of the next shards that it takes."""
    found = [worker.dequeue_job_and_maintain_ttl(None) for _ in range(number)]
    return [kind_of(popped[1]) for popped in found if popped]


@pytest.mark.parametrize(("prediction", "other"), [(0.02, 0.03), (0.5, 1.5), (0.01, 0.5)])
def test_share_when_both_never_end(prediction: float, other: float) -> None:
    """The rest gets its share of the time at least, whatever each takes."""
    turns, spent = Turns(), {True: 0.0, False: 0.0}
    while sum(spent.values()) < 1000 * AHEAD_SECONDS:
        is_prediction = turns.are_predictions_first
        seconds = prediction if is_prediction else other
        turns.note(is_prediction, seconds)
        spent[is_prediction] += seconds

    assert spent[False] / sum(spent.values()) >= SHARE_OF_THE_REST - 0.02


def test_prediction_when_the_rest_was_served_for_long() -> None:
    """What the rest had is nothing that it can save up: predictions are first, and then fall behind as soon as ever."""
    turns = Turns()
    turns.note(is_prediction=False, seconds=3600)
    assert turns.are_predictions_first
    turns.note(is_prediction=True, seconds=AHEAD_SECONDS)
    assert not turns.are_predictions_first


def test_certificate_when_predictions_had_more_than_their_share(worker: ShardWorker, submit: Submit) -> None:
    """It goes first; a prediction waits until it has paid for them."""
    submit(n=500, n0=500)
    submit(JobKind.PREDICT, n=20)
    worker._turns.note(is_prediction=True, seconds=2 * AHEAD_SECONDS)

    worker.serve_predictions()
    assert taken(worker, 1) == [JobKind.CERTIFY]
    worker._turns.note(is_prediction=False, seconds=AHEAD_SECONDS)
    assert taken(worker, 1) == [JobKind.PREDICT]


def test_predictions_when_nothing_else_waits(worker: ShardWorker, submit: Submit) -> None:
    """However much they had, each is taken at once."""
    worker._turns.note(is_prediction=True, seconds=2 * AHEAD_SECONDS)
    for number in range(3):
        submit(JobKind.PREDICT, n=20 + number)

    assert taken(worker, 3) == [JobKind.PREDICT] * 3


def test_predictions_when_a_certificate_is_under_way(worker: ShardWorker, bench: Bench, submit: Submit) -> None:
    """Between two batches those that wait are answered, and their time is charged."""
    jobs = [submit(JobKind.PREDICT, n=20 + number) for number in range(3)]
    worker.serve_predictions()

    assert all(bench.record(job).status.done for job in jobs)
    assert worker._turns._ahead > 0
