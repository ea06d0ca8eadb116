"""A thread that says that the worker lives, renews the lease of its shard, and ends a process that hangs."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from adapters.contract.jobs import Shard, WorkerRecord
from adapters.queue.board import JobBoard
from robustify.errors import QueueUnavailableError

STALL_SECONDS = 600.0
"""A batch that takes longer counts as hung, and its worker as lost."""
BEATS_PER_LEASE = 4

log = structlog.get_logger()


@dataclass
class Holding:
    """A leased shard. `lost` is set when the lease is gone; `touch` says that the work moves."""

    job_id: str
    shard: Shard
    lost: bool = False
    moved_at: float = field(default_factory=time.monotonic)

    def touch(self) -> None:
        self.moved_at = time.monotonic()

    @property
    def is_stalled(self) -> bool:
        return time.monotonic() - self.moved_at > STALL_SECONDS


def end_process() -> None:
    """Ends the process though its main thread hangs; its supervisor starts another."""
    os._exit(1)


class Heartbeat:
    """Beats several times in the time of a lease, from `start` to `stop`; calls `on_stall` when the work hangs."""

    def __init__(
        self,
        board: JobBoard,
        worker: WorkerRecord,
        lease_seconds: float,
        on_stall: Callable[[], None] = end_process,
    ) -> None:
        self._board = board
        self._worker = worker
        self._lease_seconds = lease_seconds
        self._on_stall = on_stall
        self._holdings: list[Holding] = []
        self._samples, self._seconds = 0, 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    @property
    def owner(self) -> str:
        return self._worker.name

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes the worker off the list of live ones."""
        self._ended.set()
        self._thread.join()
        try:
            self._board.register(self._worker, ttl=0)
        except QueueUnavailableError:
            log.warning("not_unregistered", worker=self.owner)

    @contextmanager
    def holding(self, job_id: str, shard: Shard) -> Iterator[Holding]:
        """Keeps the lease of a shard while the block runs; an adaptation lets shards of others run inside its own."""
        holding = Holding(job_id, shard)
        self._holdings = [*self._holdings, holding]
        try:
            yield holding
        finally:
            self._holdings = self._holdings[:-1]

    def count_shard(self, samples: int = 0, seconds: float = 0.0) -> None:
        """A shard is done; so many samples took so many seconds, which an adaptation has none of."""
        self._samples, self._seconds = self._samples + samples, self._seconds + seconds
        speed = self._samples / self._seconds if self._seconds > 0 else None
        done = {"shards_done": self._worker.shards_done + 1, "samples_per_second": speed}
        self._worker = self._worker.model_copy(update=done)

    def beat(self) -> None:
        """Shows the worker and renews its leases; does neither when the innermost work is stalled."""
        holdings = self._holdings
        if holdings and holdings[-1].is_stalled:
            log.error("worker_stalled", worker=self.owner, job=holdings[-1].job_id, shard=holdings[-1].shard.key)
            self._on_stall()
            return
        shown = self._worker.model_copy(update={"seen_at": time.time()})
        self._board.register(shown, ttl=2 * self._lease_seconds)
        for holding in holdings:
            holding.lost = not self._board.renew(holding.job_id, holding.shard, self.owner)

    def _run(self) -> None:
        while True:
            try:
                self.beat()
            except QueueUnavailableError:
                log.warning("heartbeat_missed", worker=self.owner)
            except Exception:
                # Without this thread the worker would lose every lease without knowing why.
                log.exception("heartbeat_failed", worker=self.owner)
            if self._ended.wait(self._lease_seconds / BEATS_PER_LEASE):
                return
