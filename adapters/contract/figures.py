"""What operators watch, as the board counts it."""

from collections.abc import Mapping

from adapters.contract.jobs import WorkerRecord
from adapters.contract.records import JobKind, Record


class WaitingJobs(Record):
    """Jobs of one kind that nobody has begun, and how long the first of them has waited."""

    jobs: int
    oldest_seconds: float


class QueueMemory(Record):
    """Of the queue server; `limit_bytes` is 0 where it has none."""

    used_bytes: int
    limit_bytes: int


class Backlog(Record):
    """What is left to do of one kind for one engine: jobs that nobody has begun, jobs that have begun, and shards that
    are wanted and not recorded.
    """

    engine: str
    kind: JobKind
    waiting: int
    running: int
    shards: int

    @property
    def steps(self) -> int:
        """How many workers could find something to do, at least; 0 only where nothing is left.

        A job that waits is one, since it is not cut yet. One that has begun counts though no shard of it is wanted:
        the next step of it is due, and needs a worker.
        """
        return self.waiting + max(self.running, self.shards)


class Figures(Record):
    """Everything that is counted, at one moment.

    `counters` only grow, since the queue server was set up. Their names are `jobs:KIND:OUTCOME`, `refused:REASON`,
    `shards:WHAT`, `samples:KIND`, `votes:lacking`, `deliveries:WHAT`; and, of how long something took, `queued:KIND:LE`
    and `compute:KIND:LE` with an upper limit in seconds, each value counted in the smallest that holds it, and `:sum`.
    """

    counters: Mapping[str, float]
    waiting: Mapping[JobKind, WaitingJobs]
    running: int
    images: int
    deliveries: int
    workers: tuple[WorkerRecord, ...]
