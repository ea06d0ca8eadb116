"""From settings to a running worker; the only place that constructs its parts."""

import hashlib
import hmac
import os
import secrets
import time

import structlog

from adapters.profiles import Profile, engine_digest, find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.messages import WorkerRecord
from adapters.settings import Settings
from adapters.store.files import ImageStore
from robustify.errors import ModelFilesError, QueueUnavailableError, RobustifyError
from workers.heartbeat import Heartbeat
from workers.jobs import BaseClassifiers, LoadedModel, ShardRunner
from workers.log import configure_logging
from workers.stop import StopFlag
from workers.worker import RESTART_SECONDS, ShardWorker, work_until_stopped

TICK_SECONDS = 2.0
CHECK_LETTERS = 16

log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Loads the models of the profile and works until SIGTERM or SIGINT; exits with 1 if the worker is of no use."""
    # Imported here: the model libraries take seconds, and who brings models of their own needs none of them.
    from adapters.catalogue import load_models

    configure_logging(settings.log_level)
    profile = find_profile(settings.profile)
    engine = engine_digest(profile, settings)
    models = load_models(profile, settings)
    if engine_digest(profile, settings) != engine:
        raise ModelFilesError(f"the files of profile {profile.name} changed while they were read: start again")
    serve(settings, profile, engine, models)


def serve(settings: Settings, profile: Profile, engine: str, classifiers: BaseClassifiers) -> None:
    """Works with models that are loaded, as an engine; raises RobustifyError when its others have another secret."""
    url = queue_url(settings)
    board = JobBoard(connect(url), settings)
    heartbeat = Heartbeat(board, worker_record(profile, engine), settings.lease_seconds)
    stop = StopFlag()
    model = LoadedModel(profile, engine, classifiers, settings, settings.noise_secret())
    runner = ShardRunner(board, ImageStore(settings.state_dir / "images"), model, heartbeat, stop)
    tick_seconds = min(TICK_SECONDS, settings.lease_seconds / 2)
    stop.install()
    check_noise_secret(board, model, stop)
    heartbeat.start()
    log.info("worker_started", worker=heartbeat.owner, profile=profile.name)
    try:
        work_until_stopped(lambda: ShardWorker(connect(url), board, runner, stop, tick_seconds), stop)
    finally:
        heartbeat.stop()
    log.info("worker_stopped", worker=heartbeat.owner)
    if stop.failed:
        raise SystemExit(1)


def check_noise_secret(board: JobBoard, model: LoadedModel, stop: StopFlag) -> None:
    """Raises RobustifyError unless the workers of this engine have one secret; waits while the server is away.

    With two, the same image would meet two noises: asking again would be a new draw.
    """
    own = hmac.new(model.noise_secret, b"check", hashlib.sha256).hexdigest()[:CHECK_LETTERS]
    while not stop.requested:
        try:
            first = board.noise_check(model.engine, own)
        except QueueUnavailableError as error:
            log.warning("queue_unavailable", error=type(error).__name__)
            stop.wait(RESTART_SECONDS)
            continue
        if first != own:
            raise RobustifyError(
                "this worker has another secret than the first one of this queue: give it the same ROBUSTIFY_SECRET or "
                f"state folder; to change the secret, delete robustify:noise:{model.engine} while no worker runs"
            )
        return


def worker_record(profile: Profile, engine: str) -> WorkerRecord:
    name = f"worker-{os.getpid()}-{secrets.token_hex(4)}"
    return WorkerRecord(name=name, profile=profile.name, engine=engine, started_at=time.time(), shards_done=0)


def queue_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise QueueUnavailableError("no queue server is named: set ROBUSTIFY_REDIS_URL, or start `robustify up`")
    return settings.redis_url
