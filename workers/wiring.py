"""From settings to a running worker; the only place that constructs its parts."""

import os
import secrets
import socket
import time
from collections.abc import Callable

import structlog

from adapters.canonical_json import text_digest
from adapters.certificates.public_keys import noise_key
from adapters.contract.jobs import AdaptRequest, JobRecord, WorkerRecord
from adapters.contract.records import JobKind
from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.places import places_of
from adapters.traces.choose import traces_of
from robustify.errors import QueueUnavailableError, RobustifyError
from workers.counting import BaseClassifiers, LoadedModel
from workers.heartbeat import Heartbeat, Holding
from workers.log import configure_logging
from workers.shards import AdaptationRuns, ShardRunner
from workers.stop import GIVEN_UP, StopFlag
from workers.worker import RESTART_SECONDS, ShardWorker, work_until_stopped

TICK_SECONDS = 2.0

AdaptationsFactory = Callable[[JobBoard, Profile, Settings, Heartbeat, StopFlag], AdaptationRuns]

log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Loads the models of the profile and works until SIGTERM or SIGINT; exits with `GIVEN_UP` when it is of no use."""
    configure_logging(settings.log_level)
    profile = served_profile(settings)
    engine = engine_digest(profile, settings)
    models = load_models(profile, settings)
    if engine_digest(profile, settings) != engine:
        raise RobustifyError(f"the files of profile {profile.name} changed while they were read: start again")
    serve(settings, profile, engine, models, LaterAdaptations if profile.classifier == "clip" else None)


class LaterAdaptations:
    """Runs adaptations; the libraries that train are imported when the first one comes."""

    def __init__(
        self, board: JobBoard, profile: Profile, settings: Settings, heartbeat: Heartbeat, stop: StopFlag
    ) -> None:
        self._parts = (board, profile, settings, heartbeat, stop)

    def run(self, record: JobRecord, request: AdaptRequest, holding: Holding, pause: Callable[[], None]) -> None:
        from workers.adaptation.runner import AdaptationRunner

        AdaptationRunner(*self._parts).run(record, request, holding, pause)


def serve(
    settings: Settings,
    profile: Profile,
    engine: str,
    classifiers: BaseClassifiers,
    adaptations: AdaptationsFactory | None = None,
) -> None:
    """Works with models that are loaded, as an engine; raises RobustifyError when its others have another noise key.

    `adaptations` makes what runs adaptations: without, the worker refuses them.
    """
    url = queue_url(settings)
    board = JobBoard(connect(url), settings)
    kinds = tuple(map(JobKind, settings.kinds.split(",")))
    heartbeat = Heartbeat(board, worker_record(profile, engine, kinds), settings.lease_seconds)
    stop = StopFlag()
    model = LoadedModel(profile, engine, classifiers, settings, noise_key(settings))
    adapter = adaptations(board, profile, settings, heartbeat, stop) if adaptations else None
    traces = traces_of("robustify-worker")
    runner = ShardRunner(board, places_of(settings).images, model, heartbeat, stop, adapter, traces)
    public_key = model.issuer.public_key  # Made now, if it is the first start.
    tick_seconds = min(TICK_SECONDS, settings.lease_seconds / 2)
    stop.install()
    check_noise_key(board, model, stop)
    heartbeat.start()
    log.info("worker_started", worker=heartbeat.owner, profile=profile.name, public_key=public_key)
    try:
        work_until_stopped(lambda: ShardWorker(connect(url), board, runner, stop, tick_seconds, kinds), stop)
    finally:
        heartbeat.stop()
        traces.close()
    log.info("worker_stopped", worker=heartbeat.owner)
    if stop.failed:
        raise SystemExit(GIVEN_UP)


def check_noise_key(board: JobBoard, model: LoadedModel, stop: StopFlag) -> None:
    """Raises RobustifyError unless the workers of this engine have one noise key; waits while the server is away.

    With two, the same question would meet two noises: the shards of one certificate would be of both.
    """
    own = text_digest(model.noise_key.public.modulus)
    while not stop.requested:
        try:
            first = board.noise_check(model.engine, own)
        except QueueUnavailableError as error:
            log.warning("queue_unavailable", error=type(error).__name__)
            stop.wait(RESTART_SECONDS)
            continue
        if first != own:
            raise RobustifyError(
                "this worker has another noise key than the first one of this queue: give it the same "
                "ROBUSTIFY_NOISE_KEY_FILE or state folder; to change the key, delete "
                f"robustify:noise-key:{model.engine} while no worker runs"
            )
        return


def worker_record(profile: Profile, engine: str, kinds: tuple[JobKind, ...]) -> WorkerRecord:
    return WorkerRecord(
        name=f"worker-{os.getpid()}-{secrets.token_hex(4)}",
        host=socket.gethostname(),
        kinds=kinds,
        profile=profile.name,
        engine=engine,
        started_at=time.time(),
        shards_done=0,
    )


def queue_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise QueueUnavailableError("no queue server is named: set ROBUSTIFY_REDIS_URL, or start `robustify up`")
    return settings.redis_url
