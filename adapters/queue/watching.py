"""The board as operators have it: workers, figures, and what is to be tidied up."""

from collections.abc import Iterable

import redis

from adapters.contract.figures import Backlog, Figures, QueueMemory, WaitingJobs
from adapters.contract.jobs import WorkerRecord
from adapters.queue.board_script import BoardScript
from adapters.queue.keys import KINDS, queue_name
from adapters.queue.memory import queue_memory
from adapters.queue.reading import pairs
from adapters.queue.replicated import wait_until_replicated
from adapters.queue.written import File, file_of
from adapters.store.tensors import ImageStore

AT_ONCE = 200
"""Images that are looked at in one command."""


class Watching:
    """What is looked at and looked after beside the jobs."""

    _call: BoardScript
    _connection: redis.Redis

    def workers(self) -> list[WorkerRecord]:
        """The workers that showed themselves lately."""
        return [_worker(record) for record in self._call("workers")]

    def ping(self) -> None:
        """Raises QueueUnavailableError unless the server takes writes."""
        self._call("ping")

    def look_whether_kept(self) -> File:
        """What of all that was acknowledged before is in the server's file, and what is not yet.

        Returns when a replica has it, where one must. Raises QueueUnavailableError where the server is gone already, or
        no replica can be had.
        """
        wait_until_replicated(self._connection)
        return file_of(self._connection)

    def tick(self) -> None:
        """Ends what is overdue, also where no worker is."""
        self._call("tick")

    def queue_depths(self) -> dict[str, int]:
        """The jobs of each kind that nobody has begun, whatever the engine."""
        return dict(zip(KINDS, self._call("depths", kinds=KINDS), strict=True))

    def figures(self) -> Figures:
        """All that is counted, at one moment."""
        counters, waiting, running, images, deliveries, workers = self._call("figures", kinds=KINDS)
        return Figures(
            counters={name: float(value) for name, value in pairs(counters).items()},
            waiting={
                kind: WaitingJobs(jobs=jobs, oldest_seconds=float(seconds))
                for kind, (jobs, seconds) in zip(KINDS, waiting, strict=True)
            },
            running=running,
            images=images,
            deliveries=deliveries,
            workers=tuple(_worker(record) for record in workers),
        )

    def backlog(self, engines: Iterable[str]) -> tuple[Backlog, ...]:
        """What is left to do for each of these engines, by kind."""
        places = [(engine, kind) for engine in engines for kind in KINDS]
        found = self._call("backlog", queues=[queue_name(kind, engine) for engine, kind in places])
        return tuple(
            Backlog(engine=engine, kind=kind, waiting=waiting, running=running, shards=shards)
            for (engine, kind), (waiting, running, shards) in zip(places, found, strict=True)
        )

    def memory(self) -> QueueMemory | None:
        """What the queue server has taken; None where it does not tell."""
        return queue_memory(self._connection)

    def old_images(self) -> list[str]:
        """Some images whose time is over, by their sha256."""
        found: list[str] = self._call("old_images", limit=AT_ONCE)
        return found

    def remove_image(self, image: str, store: ImageStore) -> bool:
        """Removes an image if nobody wants it any more. Who stores it meanwhile is told by `commit` to do it again."""
        is_dropped = False

        def drop() -> bool:
            nonlocal is_dropped
            is_dropped = self.drop_image(image)
            return is_dropped

        try:
            return store.remove(image, drop)
        finally:
            if is_dropped:
                self._call("removed", image=image)

    def drop_image(self, image: str) -> bool:
        """Forgets an image if nobody wants it any more; False if somebody does, or removes it already."""
        return bool(self._call("drop_image", image=image))


def _worker(record: str) -> WorkerRecord:
    return WorkerRecord.model_validate_json(record, extra="ignore")
