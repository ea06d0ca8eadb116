"""RQ as a wake-up: what it can read of our jobs, and what it must never run."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Callback
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.serializers import JSONSerializer

from adapters.contract.jobs import JobRequest, Shard
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.keys import SHARD_FUNCTION
from adapters.queue.rq_queue import RefusedDeliveryError, SafeJob, SafeQueue, queues, shard_of
from adapters.settings import Settings
from robustify.types import Phase

MakeRequest = Callable[..., JobRequest]
ARGUMENTS = ["a" * 26, "select", 0, 100]


@pytest.fixture
def server(connection: redis.Redis) -> redis.Redis:
    return connection


@pytest.fixture
def engine(queue_settings: Settings) -> str:
    return engine_digest(find_profile("oracle-linear"), queue_settings)


def dequeue(server: redis.Redis, engine: str) -> tuple[Job, object] | None:
    popped: tuple[Job, object] | None = SafeQueue.dequeue_any(
        queues(server, engine), None, connection=server, job_class=SafeJob, serializer=JSONSerializer
    )
    return popped


def job_with(server: redis.Redis, function: str = SHARD_FUNCTION, **others: Any) -> Job:
    values: dict[str, Any] = {
        "args": ARGUMENTS,
        "connection": server,
        "serializer": JSONSerializer,
        "origin": "certify",
        **others,
    }
    return SafeJob.create(function, **values)


def test_a_job_of_the_board(
    server: redis.Redis, queue_settings: Settings, engine: str, make_request: MakeRequest
) -> None:
    """RQ reads it as one of its own; predictions come before certificates."""
    board = JobBoard(server, queue_settings)
    certify = board.submit(make_request(), 500)
    predict = board.submit(make_request(kind=JobKind.PREDICT, n=100), 500)
    found = [dequeue(server, engine), dequeue(server, engine)]
    jobs = [item[0] for item in found if item]
    assert [shard_of(job) for job in jobs] == [
        (predict.id, Shard(phase=Phase.PREDICT, first=0, count=100)),
        (certify.id, Shard(phase=Phase.SELECT, first=0, count=100)),
    ]
    origin = f"predict:{engine[:16]}"
    assert (jobs[0].origin, jobs[0].get_status(), jobs[0].func_name) == (origin, "queued", SHARD_FUNCTION)
    assert dequeue(server, engine) is None


def test_a_job_for_another_engine(server: redis.Redis, queue_settings: Settings, make_request: MakeRequest) -> None:
    """It is in no queue that this worker looks into."""
    JobBoard(server, queue_settings).submit(make_request(), 500)
    assert dequeue(server, "0" * 64) is None


def test_a_popped_job(server: redis.Redis, queue_settings: Settings, engine: str, make_request: MakeRequest) -> None:
    """Its id is in the intermediate list until a worker has the lease."""
    board = JobBoard(server, queue_settings)
    job = board.submit(make_request(), 500)
    dequeue(server, engine)
    intermediate = f"rq:queue:certify:{engine[:16]}:intermediate"
    assert server.lrange(intermediate, 0, -1) == [f"{job.id}-select-0".encode()]
    board.lease(job.id, Shard(phase=Phase.SELECT, first=0, count=100), "worker")
    assert server.llen(intermediate) == 0


@pytest.mark.slow
def test_all_queues_are_empty(server: redis.Redis, engine: str) -> None:
    """A pop that may wait ends with RQ's exception, also for a single queue."""
    with pytest.raises(DequeueTimeout):
        SafeQueue.dequeue_any(queues(server, engine)[:1], 1, connection=server)


def test_another_function(server: redis.Redis, tmp_path: Path) -> None:
    """It is refused, and no way through RQ's own job class runs it."""
    folder = tmp_path / "made"
    job = job_with(server, "os.mkdir", args=[str(folder)])
    with pytest.raises(RefusedDeliveryError):
        shard_of(job)
    with pytest.raises(RefusedDeliveryError):
        job.perform()
    assert not folder.exists()


@pytest.mark.parametrize(
    "data",
    [
        [SHARD_FUNCTION, {"an": "instance"}, ARGUMENTS, {}],
        [SHARD_FUNCTION, None, ARGUMENTS, {"a": "keyword"}],
        [SHARD_FUNCTION, None, ARGUMENTS[:3], {}],
        [SHARD_FUNCTION, None, [1, *ARGUMENTS[1:]], {}],
        [SHARD_FUNCTION, None, ["a", "another phase", 0, 1], {}],
        [f"{SHARD_FUNCTION}.__globals__", None, ARGUMENTS, {}],
        "nothing of the kind",
        None,
    ],
)
def test_more_or_less_than_a_shard(server: redis.Redis, data: object) -> None:
    """It is refused."""
    job = job_with(server)
    job.data = JSONSerializer.dumps(data)
    with pytest.raises(RefusedDeliveryError):
        shard_of(job)


def test_pickled_data(server: redis.Redis) -> None:
    """It is not even unpickled."""
    job = job_with(server)
    server.hset(job.key, mapping={"data": zlib.compress(b"cos\nsystem\n(S'false'\ntR.")})
    with pytest.raises(RefusedDeliveryError):
        shard_of(SafeJob.fetch(job.id, connection=server, serializer=JSONSerializer))


def test_a_callback(server: redis.Redis) -> None:
    """A job that brings one is refused."""
    with pytest.raises(RefusedDeliveryError):
        shard_of(job_with(server, on_success=Callback("os.getpid")))
