"""An adaptation as a worker runs it: in a folder that survives the worker, with a pause for others at every step."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from adapters.contract.jobs import AdaptRequest, JobRecord
from adapters.contract.results import AdaptedFrom, AdaptResult, Figures, MadeTask
from adapters.models.memory import forget_locals, give_back_memory
from adapters.models.training.own_references import OwnReferences
from adapters.models.training.workshop import Workshop
from adapters.profiles.profile import Profile
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from adapters.store.adapting import note_canceled, prune_work, take_up, work_folder
from adapters.store.places import places_of
from adapters.store.tasks import StoredTask, TaskStore
from robustify.errors import QueueUnavailableError, UnknownTaskError
from workers.adaptation.stages import AdaptationRun, Progress
from workers.heartbeat import Heartbeat, Holding
from workers.stop import NotWantedError, StopFlag

PROGRESS_SECONDS = 0.5

log = structlog.get_logger()


@dataclass(frozen=True)
class Adaptation:
    """What became of a request: the task as it is now, the version that was made, and the figures if it was judged."""

    task: StoredTask
    version: int
    digest: str | None
    figures: Figures | None


def adapt(
    request: AdaptRequest,
    profile: Profile,
    settings: Settings,
    job: str,
    on_progress: Callable[[Progress], None],
    own: OwnReferences | None = None,
) -> Adaptation:
    """Runs all stages and publishes the task; what an earlier run of the same request did is not done again.

    `own`: references of the user's, in place of synthesised ones.
    An adaptation that did worse than the models were before is kept as a version that does not answer.
    """
    places = places_of(settings)
    tasks, store = places.tasks_of(request.owner), places.adaptations
    if done := published_before(request, tasks, store, job):
        return done
    workshop = Workshop(profile, settings)
    if not request.adapts:
        workshop.clip.zero_shot(request.label_task)
        task = tasks.register(request.name, request.label_task, job, time.time())
        return Adaptation(task, task.current, None, None)
    folder = work_folder(request, settings, own.digest if own else "")
    take_up(folder)
    prune_work(settings)
    run = AdaptationRun(request, workshop, folder, on_progress, own)
    made = run.run()
    stored = store.add(made, request.models, run.about())
    figures = run.figures()
    task = tasks.publish(
        request.name,
        request.label_task,
        job,
        time.time(),
        adaptation=stored.digest,
        models=request.models,
        answers=request.publish == "always" or figures.no_worse,
    )
    shutil.rmtree(folder, ignore_errors=True)
    return Adaptation(task, task.version_of(job).number, stored.digest, figures)


def published_before(request: AdaptRequest, tasks: TaskStore, store: AdaptationStore, job: str) -> Adaptation | None:
    """What a worker made that was killed before it could say so."""
    with suppress(UnknownTaskError):
        task = tasks.find(request.name)
        if task.has_version_of(job) and (digest := task.version_of(job).adaptation):
            return Adaptation(task, task.version_of(job).number, digest, store.get(digest).figures)
    return None


def adapt_result(request: AdaptRequest, made: Adaptation, seconds: float) -> AdaptResult:
    """`result` of an adaptation."""
    task, answers = made.task, made.task.current == made.version
    return AdaptResult(
        outcome="registered" if made.digest is None else "published" if answers else "not_published",
        task=MadeTask(id=task.id, name=task.name, version=made.version, current=task.current),
        adaptation=made.digest,
        figures=made.figures,
        model=AdaptedFrom(profile=request.profile, models=request.models),
        seconds=seconds,
    )


class AdaptationRunner:
    """Runs the adaptations of the queue for one worker."""

    def __init__(
        self,
        board: JobBoard,
        profile: Profile,
        settings: Settings,
        heartbeat: Heartbeat,
        stop: StopFlag,
    ) -> None:
        self._board = board
        self._profile = profile
        self._settings = settings
        self._heartbeat = heartbeat
        self._stop = stop

    def run(self, record: JobRecord, request: AdaptRequest, holding: Holding, pause: Callable[[], None]) -> None:
        """Adapts and ends the job; raises NotWantedError when it is to stop, after the work so far was kept."""
        told_at = float("-inf")

        def on_progress(progress: Progress) -> None:
            nonlocal told_at
            if time.monotonic() - told_at >= PROGRESS_SECONDS:
                self._tell(holding, progress)
                told_at = time.monotonic()
            pause()
            holding.touch()

        try:
            made = adapt(request, self._profile, self._settings, record.id, on_progress)
        except BaseException as error:
            forget_locals(error)
            self._note_if_canceled(record.id, request)
            raise
        finally:
            give_back_memory()
        result = adapt_result(request, made, max(0.0, time.time() - (record.started_at or record.created_at)))
        self._board.complete(record.id, holding.shard, self._heartbeat.owner, result)
        self._heartbeat.count_shard()
        log.info("adaptation_finished", job=record.id, outcome=result.outcome)

    def _note_if_canceled(self, job_id: str, request: AdaptRequest) -> None:
        with suppress(QueueUnavailableError):
            if not self._board.is_live(job_id):
                note_canceled(work_folder(request, self._settings))

    def _tell(self, holding: Holding, progress: Progress) -> None:
        if self._stop.requested or holding.lost or not self._is_wanted(holding, progress):
            raise NotWantedError("the adaptation is given back")

    def _is_wanted(self, holding: Holding, progress: Progress) -> bool:
        try:
            return self._board.note_progress(
                holding.job_id, holding.shard, self._heartbeat.owner, progress.stage, progress.done
            )
        except QueueUnavailableError:
            return True  # Work goes on while the server is away.
