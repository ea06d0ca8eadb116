"""The RQ worker: models stay resident, nothing is forked, and RQ brings nothing but the ids of shards.

The only file that subclasses RQ's worker. Leases, retries and recovery are the job board's; RQ's registries stay empty.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import redis
import structlog
from redis.client import Pipeline
from rq import SimpleWorker
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry

from adapters.contract.records import JobKind
from adapters.queue.board import JobBoard
from adapters.queue.connection import reason_of
from adapters.queue.rq_queue import RefusedDeliveryError, SafeJob, SafeQueue, queues, shard_of, wait_for_work
from robustify.errors import QueueUnavailableError
from workers.shards import ShardRunner
from workers.stop import StopFlag
from workers.turns import Turns

RQ_RECORD_SECONDS = 20
"""RQ's own record of this worker lives for a minute more than this without a sign."""
RESTART_SECONDS = 0.5
RESTING_POLL_SECONDS = 0.05
QUICK = (JobKind.PREDICT, JobKind.PREVIEW)
"""What people wait for: first, but with a share of the time that is bounded when more of everything waits."""

log = structlog.get_logger()


class ShardWorker(SimpleWorker):
    """Pops from the queues of its engine and kinds atomically, the first one first; hands shards to the runner."""

    queue_class = SafeQueue
    job_class = SafeJob

    def __init__(
        self,
        connection: redis.Redis,
        board: JobBoard,
        runner: ShardRunner,
        stop: StopFlag,
        tick_seconds: float,
        kinds: Collection[JobKind] = tuple(JobKind),
    ) -> None:
        super().__init__(
            [queue for queue in queues(connection, runner.engine) if kind_of(queue) in kinds],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=RQ_RECORD_SECONDS,
        )
        self._board = board
        self._runner = runner
        self._stop = stop
        self._tick_seconds = tick_seconds
        self._ticked_at = self._shown_at = float("-inf")
        self._turns = Turns()
        runner.serve_others = self.serve_others
        runner.serve_predictions = self.serve_predictions
        runner.serve_in_preview = lambda: self.serve_predictions(within_quick=True)

    def serve_others(self) -> None:
        """Runs predictions that wait, a preview, and one shard of a certificate: an adaptation makes way for them."""
        self.serve_predictions()
        for kind in (JobKind.PREVIEW, JobKind.CERTIFY):
            with logged_outage():
                if popped := self._pop_of(kind):
                    self.execute_job(*popped)

    def serve_predictions(self, within_quick: bool = False) -> None:
        """Runs predictions that wait, as long as it is their turn: a certificate makes way for them between batches,
        and a preview, which is itself one of the `QUICK` kinds, between steps."""
        self._turns.charge(is_prediction=within_quick)
        with logged_outage():
            while self._turns.are_predictions_first and (popped := self._pop_of(JobKind.PREDICT)):
                self.execute_job(*popped)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Runs the shard that the RQ job carries; anything else is put among the dead letters."""
        try:
            job_id, shard = shard_of(job)
        except RefusedDeliveryError:
            self._bury(queue.name, job.id)
            return
        self._turns.begin()
        self._runner.run_shard(job_id, shard)
        self._board.drop_delivery(queue.name, job.id)
        self._turns.charge(kind_of(queue) in QUICK)

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """The next RQ job; None when the worker is to stop."""
        while not self._stop.requested:
            if self.should_run_maintenance_tasks:
                self.run_maintenance_tasks()
            if self._runner.is_resting:
                self._stop.wait(RESTING_POLL_SECONDS)
                continue
            if popped := self._pop(self._queues_in_turn()):
                return popped
            wait_for_work(self.connection, [queue.name for queue in self.queues])
        return None

    def _queues_in_turn(self) -> Sequence[Queue]:
        """The quick kinds first, unless they had more than their share: then last."""
        if self._turns.are_predictions_first:
            return self.queues
        return sorted(self.queues, key=lambda queue: kind_of(queue) in QUICK)

    @property
    def should_run_maintenance_tasks(self) -> bool:
        return time.monotonic() - self._ticked_at >= self._tick_seconds

    def run_maintenance_tasks(self) -> None:
        """Repairs what crashes left behind, instead of RQ's cleaning, which would fail or repeat jobs on its own."""
        self._ticked_at = time.monotonic()
        self.heartbeat()
        for queue in self.queues:
            clean_worker_registry(queue)
        for job_id in self._board.reconcile(self._runner.engine, pause=self._tick_seconds / 2):
            self._runner.take_next_step(job_id)
        self._runner.check_models()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Keeps RQ's record of this worker, which RQ would do after each shard, at each tick only."""
        if pipeline is not None or time.monotonic() - self._shown_at >= self._tick_seconds:
            self._shown_at = time.monotonic()
            super().heartbeat(timeout, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        """There is none: who can write to the queue server must not stop workers."""

    def subscribe(self) -> None:
        """No remote commands, for the same reason."""

    def unsubscribe(self) -> None:
        """There is no subscription."""

    def _install_signal_handlers(self) -> None:
        """The stop flag has them."""

    def _pop_of(self, kind: JobKind) -> tuple[Job, Queue] | None:
        if self._stop.requested or self._runner.is_resting:
            return None
        return self._pop([queue for queue in self.queues if kind_of(queue) is kind])

    def _pop(self, queues: Sequence[Queue]) -> tuple[Job, Queue] | None:
        try:
            return self.queue_class.dequeue_any(
                queues, None, connection=self.connection, job_class=self.job_class, serializer=self.serializer
            )
        except (redis.RedisError, QueueUnavailableError):
            raise
        except Exception as error:
            # RQ cannot even read it, and says what it was.
            queue, name = getattr(error, "queue", None), getattr(error, "job_id", None)
            if queue is None or name is None:
                raise
            self._bury(queue.name, name)
            return None

    def _bury(self, queue: str, name: str) -> None:
        log.error("delivery_refused", queue=queue, rq_job=name)
        self._board.bury_delivery(queue, name)


@contextmanager
def logged_outage() -> Iterator[None]:
    """What is done beside the work may fail for want of the queue server; the work goes on."""
    try:
        yield
    except (redis.RedisError, QueueUnavailableError) as error:
        log.warning("queue_unavailable", error=reason_of(error))


def kind_of(queue: Queue) -> JobKind:
    """What the jobs of a queue are; its name begins with it."""
    return JobKind(queue.name.partition(":")[0])


def work_until_stopped(make_worker: Callable[[], SimpleWorker], stop: StopFlag) -> None:
    """Works in one process until it is to stop: RQ's loop ends on any trouble with the server, and is begun anew."""
    while not stop.requested:
        try:
            make_worker().work()
        except (redis.RedisError, QueueUnavailableError) as error:
            log.warning("queue_unavailable", error=reason_of(error))
        stop.wait(RESTART_SECONDS)
