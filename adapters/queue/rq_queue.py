"""RQ as a wake-up: a queue that loses no id between pop and start, and jobs that can name one function only.

What a popped job carries is read by `shard_of`; nothing is ever imported because a job names it.
"""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn

import redis
from rq import Queue
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.serializers import JSONSerializer

from adapters.contract.jobs import Shard
from adapters.queue.board_script import BoardScript
from adapters.queue.keys import SHARD_FUNCTION, queue_names, wake_key
from robustify.errors import RobustifyError

POLL_SECONDS = 0.05
"""Of RQ's own pop, which no worker of ours waits in."""
LONGEST_BLOCK_SECONDS = 0.5
"""A worker that blocks for work looks about after this: whether it is to stop, or something is to be repaired."""
POPPED_SECONDS = 5.0
"""A popped shard that no worker has begun by then is delivered again."""


class RefusedDeliveryError(RobustifyError):
    """An RQ job that must not be run."""


class SafeJob(Job):
    """An RQ job that resolves no name: whoever can write to the queue server must not choose what a worker runs."""

    @property
    def func(self) -> NoReturn:
        raise RefusedDeliveryError("no function is run by its name: a worker knows its only one")

    success_callback = failure_callback = stopped_callback = func


class SafeQueue(Queue):
    """A queue of which every pop is atomic: a popped id stays in an intermediate list until a worker begins it."""

    job_class = SafeJob

    @classmethod
    def lpop(
        cls, queue_keys: Sequence[str], timeout: int | None, connection: redis.Redis | None = None
    ) -> tuple[str, str] | None:
        """(queue key, job id) from the first queue that is not empty; None, or DequeueTimeout, when all are."""
        assert connection is not None
        pop = script_of(connection)
        names = [key.removeprefix(cls.redis_queue_namespace_prefix) for key in queue_keys]
        deadline = time.monotonic() + (timeout or 0)
        while True:
            popped = pop("pop", queues=names, seconds=POPPED_SECONDS)
            if popped:
                return popped[0], popped[1]
            if timeout is None:
                return None
            if time.monotonic() >= deadline:
                raise DequeueTimeout(timeout, queue_keys)
            time.sleep(POLL_SECONDS)

    @classmethod
    def lmove(cls, connection: redis.Redis, queue_key: str, timeout: int | None) -> tuple[str, str] | None:
        return cls.lpop([queue_key], timeout, connection)


def wait_for_work(connection: redis.Redis, names: Sequence[str]) -> None:
    """Returns when there may be work in one of these queues, or after a while."""
    connection.blpop([wake_key(name) for name in names], timeout=LONGEST_BLOCK_SECONDS)


@lru_cache(maxsize=1)
def script_of(connection: redis.Redis) -> BoardScript:
    """A worker pops many times a second, always with one connection."""
    return BoardScript(connection)


def queues(connection: redis.Redis, engine: str) -> list[SafeQueue]:
    """The queues of an engine, in the order in which a worker empties them."""
    return [SafeQueue(name, connection=connection, serializer=JSONSerializer) for name in queue_names(engine)]


def shard_of(job: Job) -> tuple[str, Shard]:
    """The job id and the shard that an RQ job carries; raises RefusedDeliveryError for anything else."""
    try:
        name, instance, arguments, keywords = job.serializer.loads(job.data)
        job_id, phase, first, count = arguments
        shard = Shard.model_validate({"phase": phase, "first": first, "count": count}, strict=False)
    except (ValueError, TypeError) as error:
        raise RefusedDeliveryError("the RQ job carries no shard") from error
    if name != SHARD_FUNCTION or instance is not None or keywords or has_callbacks(job) or not isinstance(job_id, str):
        raise RefusedDeliveryError("the RQ job names another function, or more than a function")
    return job_id, shard


def has_callbacks(job: Any) -> bool:  # Any: RQ's private names, which it does not type.
    return bool(job._success_callback_name or job._failure_callback_name or job._stopped_callback_name or job.webhooks)
