"""What a worker does with one shard, and what follows when its votes are enough. Knows the board, but not RQ."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import structlog

from adapters.contract.answer import certify_result, predict_result, together_result
from adapters.contract.jobs import AdaptRequest, JobError, JobRecord, JobRequest, PreviewRequest, Shard
from adapters.contract.next_step import Finish, Publish, Select, Selected, Standing, next_step
from adapters.contract.records import JobKind
from adapters.contract.results import AnyVoted
from adapters.models.memory import forget_locals, give_back_memory, lacks_memory
from adapters.queue.board import JobBoard
from adapters.queue.working import VoteReceipt
from adapters.store.tensors import ImageStore
from adapters.traces.spans import NO_TRACES, Traces
from robustify.errors import (
    InvalidInputError,
    QueueUnavailableError,
    StoredImageError,
    StoredTaskError,
    StoreUnavailableError,
    TaskConflictError,
)
from robustify.smoothing.label_sets import missing_votes
from robustify.smoothing.looks import Tally
from robustify.types import Phase
from workers.counting import LoadedModel
from workers.following import Followed, following
from workers.heartbeat import Heartbeat, Holding
from workers.previews import PreviewRunner
from workers.problems import (
    DISK_IS_FULL,
    INPUT_LOST,
    INTERNAL_ERROR,
    MODEL_CHANGED,
    STORE_FULL,
    out_of_memory,
    refusal_of,
)
from workers.stop import NotWantedError, StopFlag

ATTEMPTS = 5
"""A step that failed so often is given up, and its job with it."""
ADAPTATION_ATTEMPTS = 2
"""Of an adaptation that lacks memory: another worker, or another hour, may have more."""
FAILURES = 3
"""A worker that fails so often in a row is given up."""
RESTING_LEASES = 2
"""After a failure a worker takes nothing for so many times `lease_seconds`: others get the shard in the second."""
STORE_REST_SECONDS = 5.0
"""A worker that cannot reach the store takes nothing for so long."""
OUTAGE_SECONDS = 600.0
"""How long a worker keeps the votes of a shard while the queue server is away."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0

log = structlog.get_logger()
T = TypeVar("T")


class AdaptationRuns(Protocol):
    """Runs an adaptation to its end, with `pause` between two steps; raises NotWantedError when it is to stop."""

    def run(self, record: JobRecord, request: AdaptRequest, holding: Holding, pause: Callable[[], None]) -> None: ...


class ShardRunner:
    """Runs shards, one at a time, and takes the next step of a job whose votes are complete or enough."""

    def __init__(
        self,
        board: JobBoard,
        store: ImageStore,
        model: LoadedModel,
        heartbeat: Heartbeat,
        stop: StopFlag,
        adaptations: AdaptationRuns | None = None,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._board = board
        self._store = store
        self._model = model
        self._heartbeat = heartbeat
        self._stop = stop
        self._adaptations = adaptations
        self._traces = traces
        self._previews = PreviewRunner(board, store, model, heartbeat, stop)
        self.serve_others: Callable[[], None] = lambda: None
        """Runs what waits for this worker, called between two steps of an adaptation; the RQ worker sets it."""
        self.serve_predictions: Callable[[], None] = lambda: None
        """Runs the predictions that wait, called between two batches of a certificate; likewise."""
        self.serve_in_preview: Callable[[], None] = lambda: None
        """The same, called between two steps of a preview; likewise."""
        self._away_seconds = 0.0
        """Time that the shard of a certificate spent on predictions of others."""
        self._failures = 0
        self._rests_until = float("-inf")

    @property
    def engine(self) -> str:
        return self._model.engine

    @property
    def is_resting(self) -> bool:
        """Whether this worker has just failed, and leaves the work to others."""
        return time.monotonic() < self._rests_until

    def run_shard(self, job_id: str, shard: Shard) -> None:
        """Counts the votes of a shard and records them; does nothing when the shard is not wanted or another's.

        After a failure the shard stays leased until the lease is over: then it is anybody's.
        """
        with following(self._traces, job_id, shard) as followed:
            self._run(job_id, shard, followed)

    def _run(self, job_id: str, shard: Shard, followed: Followed) -> None:
        try:
            receipt = self._receipt(job_id, shard, followed)
        except NotWantedError:
            self._board.release(job_id, shard, self._heartbeat.owner)
            log.info("shard_given_back", job=job_id, shard=shard.key)
        except QueueUnavailableError:
            raise
        except (InvalidInputError, TaskConflictError, StoredTaskError) as error:
            log.info("input_refused", job=job_id)  # Its message may quote a label: it is for the client only.
            self._fail(job_id, refusal_of(error))
        except StoreUnavailableError as error:
            self._give_back(job_id, shard, error)
        except OSError as error:
            if error.errno not in DISK_IS_FULL:
                self._note_failure(job_id, shard, error)
            else:
                log.error("disk_full", job=job_id, exc_info=error)
                self._fail(job_id, STORE_FULL)
        except Exception as error:
            self._note_failure(job_id, shard, error)
        else:
            if receipt is not None and receipt.is_due:
                self.take_next_step(job_id, receipt.standing)

    def check_models(self) -> None:
        """Ends the worker when the files of its models have changed: the service asks for the new ones only."""
        if not self._model.is_current:
            log.error("models_changed", worker=self._heartbeat.owner)
            self._stop.fail()

    def take_next_step(self, job_id: str, standing: Standing | None = None) -> None:
        """Chooses the class, or ends the job once its votes are enough. Harmless when somebody else has done it.

        `standing`: how the job stood a moment ago, where that was read; a second attempt reads it again.
        """
        known = [standing]
        try:
            with self._traces.span("next step", work_job=job_id):
                self._persistently(lambda: self._take_next_step(job_id, known.pop() if known else None))
        except QueueUnavailableError:
            raise
        except StoreUnavailableError as error:
            # The step stays due: somebody takes it again after a lease, and nobody reads what is not stored.
            self._note_store_unavailable(job_id, error)
        except Exception as error:
            log.exception("next_step_failed", job=job_id)
            self._fail_after_attempts(job_id, "next-step", failure_of(error))

    def _receipt(self, job_id: str, shard: Shard, followed: Followed) -> VoteReceipt | None:
        """What became of the votes; None when the shard is not for this worker."""
        record = self._board.lease(job_id, shard, self._heartbeat.owner, self.engine)
        if record is None:
            log.info("shard_dropped", job=job_id, shard=shard.key)
            return None
        followed.note_job(record)
        if not isinstance(record.request, AdaptRequest) and not self._model.computes(record.request):
            log.error("other_function", job=job_id)
            self._fail(job_id, MODEL_CHANGED)
            return None
        with self._heartbeat.holding(job_id, shard) as holding:
            if isinstance(record.request, AdaptRequest):
                self._adapt(record, record.request, holding)
                return None
            if isinstance(record.request, PreviewRequest):
                self._previews.run(record, record.request, holding, lambda: self.serve_in_preview())
                return None
            started, away = time.perf_counter(), self._away_seconds
            votes = self._count_votes(record.vote_request, holding)
            seconds = time.perf_counter() - started - (self._away_seconds - away)
            return self._record(record, holding, votes, seconds)

    def _adapt(self, record: JobRecord, request: AdaptRequest, holding: Holding) -> None:
        if self._adaptations is None:
            raise InvalidInputError(f"profile {request.profile} cannot be adapted", field="name")
        self._adaptations.run(record, request, holding, lambda: self.serve_others())

    def _count_votes(self, request: JobRequest, holding: Holding) -> Sequence[int]:
        shard = holding.shard
        with self._traces.span("load image"):
            image = self._store.get(request.image.sha256)
        count = self._model.votes_of(
            request, image, shard.phase, lambda done: self._between_batches(request, holding, done)
        )
        with self._traces.span("count votes", samples=shard.count):
            return count(shard.first, shard.count)

    def _between_batches(self, request: JobRequest, holding: Holding, done: int) -> None:
        if request.kind is JobKind.CERTIFY:
            started = time.perf_counter()
            self.serve_predictions()
            self._away_seconds += time.perf_counter() - started
        self._check_wanted(holding, was_just_leased=done == 0)

    def _check_wanted(self, holding: Holding, was_just_leased: bool) -> None:
        holding.touch()
        is_wanted = was_just_leased or self._is_live(holding.job_id)
        if self._stop.requested or holding.lost or not is_wanted:
            raise NotWantedError("the shard is given back")

    def _is_live(self, job_id: str) -> bool:
        try:
            return self._board.is_live(job_id)
        except QueueUnavailableError:
            return True  # Work goes on while the server is away; its result is offered when it is back.

    def _record(self, record: JobRecord, holding: Holding, votes: Sequence[int], seconds: float) -> VoteReceipt:
        shard, fingerprint = holding.shard, self._model.fingerprint_of(record.vote_request)

        def offer() -> VoteReceipt:
            holding.touch()  # To wait for the server is no stall.
            return self._board.record_votes(record.id, shard, fingerprint, votes)

        with self._traces.span("record votes") as span:
            receipt = self._persistently(offer)
            span.note(result=receipt.refusal or "counted")
        log.info("shard_recorded", job=record.id, shard=shard.key, refusal=receipt.refusal)
        if missing := missing_votes(votes, record.vote_request.sizes, shard.count):
            log.warning("votes_missing", job=record.id, shard=shard.key, missing=missing, samples=shard.count)
        self._heartbeat.count_shard(shard.count * record.vote_request.copies, seconds)
        self._failures = 0
        return receipt

    def _give_back(self, job_id: str, shard: Shard, error: StoreUnavailableError) -> None:
        """Nothing is wrong with the shard: another worker, or this one after a rest, may reach the store."""
        self._note_store_unavailable(job_id, error)
        self._board.release(job_id, shard, self._heartbeat.owner)

    def _note_store_unavailable(self, job_id: str, error: StoreUnavailableError) -> None:
        log.warning("store_unavailable", job=job_id, error=str(error), cause=type(error.__cause__).__name__)
        self._rests_until = time.monotonic() + min(STORE_REST_SECONDS, self._model.settings.lease_seconds)

    def _note_failure(self, job_id: str, shard: Shard, error: Exception) -> None:
        if lacks_memory(error):
            self._note_lack_of_memory(job_id, shard, error)
            return
        log.error("shard_failed", job=job_id, shard=shard.key, exc_info=error)
        self._failures += 1
        self._rests_until = time.monotonic() + RESTING_LEASES * self._model.settings.lease_seconds
        self._fail_after_attempts(job_id, shard.key, failure_of(error))
        self._give_up_if_ill()

    def _note_lack_of_memory(self, job_id: str, shard: Shard, error: Exception) -> None:
        """The work is too large, and no worker ill: it gives the memory back and serves others at once.

        A batch of votes has the one shape that is part of f, so that it is not tried with a smaller one. It is as large
        for every request: a worker that has no room for it again and again is given up, and another has a new heap.
        """
        log.error("out_of_memory", job=job_id, shard=shard.key, exc_info=error)
        forget_locals(error)
        give_back_memory()
        adapts = shard.phase is Phase.ADAPT
        self._fail_after_attempts(job_id, shard.key, out_of_memory(adapts), ADAPTATION_ATTEMPTS if adapts else ATTEMPTS)
        if not adapts:
            self._failures += 1
            self._give_up_if_ill()

    def _give_up_if_ill(self) -> None:
        if self._failures >= FAILURES:
            log.error("worker_given_up", worker=self._heartbeat.owner, failures=self._failures)
            self._stop.fail()

    def _fail(self, job_id: str, problem: JobError) -> bool:
        return self._persistently(lambda: self._board.fail(job_id, problem))

    def _fail_after_attempts(self, job_id: str, step: str, problem: JobError, most: int = ATTEMPTS) -> bool:
        attempts = self._persistently(lambda: self._board.note_attempt(job_id, step))
        return attempts >= most and self._fail(job_id, problem)

    def _take_next_step(self, job_id: str, known: Standing | None) -> None:
        """Read, decide, write; a write that comes too late is refused."""
        standing = known or self._board.standing(job_id)
        if standing is None:
            return
        match next_step(standing):
            case Select(index, samples):
                with self._traces.span("select"):
                    self._board.select(job_id, index, samples)
            case Finish(selection, tally):
                with self._traces.span("finish"):
                    self._finish(standing.record, selection, tally)
            case Publish():
                with self._traces.span("publish"):
                    self._board.publish(job_id)

    def _finish(self, record: JobRecord, selection: Selected, tally: Tally) -> None:
        result = self._result(record, selection, tally)
        if self._board.finish(record.id, result):
            log.info("job_finished", job=record.id, samples=tally.samples)

    def _result(self, record: JobRecord, selection: Selected, tally: Tally) -> AnyVoted:
        request, seconds = record.vote_request, max(0.0, time.time() - (record.started_at or record.created_at))
        if selection is None:
            return self._model.proven(request, predict_result(request, tally, seconds))
        if isinstance(selection, tuple):
            return self._model.certified_together(request, together_result(request, selection, tally, seconds))
        return self._model.certified(request, certify_result(request, selection, tally, seconds))

    def _persistently(self, action: Callable[[], T]) -> T:
        """Repeats the action while the queue server is away; gives up when the worker is to stop."""
        deadline = time.monotonic() + OUTAGE_SECONDS
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return action()
            except QueueUnavailableError:
                if time.monotonic() > deadline or self._stop.wait(pause):
                    raise
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def failure_of(error: Exception) -> JobError:
    """What a client is told of an exception."""
    return INPUT_LOST if isinstance(error, StoredImageError) else INTERNAL_ERROR
