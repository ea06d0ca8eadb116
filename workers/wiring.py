"""From settings to a running worker; the only place that constructs its parts."""

import os
import secrets
import time

import structlog

from adapters.profiles import Profile, find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.messages import WorkerRecord
from adapters.settings import Settings
from adapters.store.files import ImageStore
from robustify.errors import QueueUnavailableError
from workers.heartbeat import Heartbeat
from workers.jobs import BaseClassifiers, LoadedModel, ShardRunner
from workers.log import configure_logging
from workers.stop import StopFlag
from workers.worker import ShardWorker, work_until_stopped

TICK_SECONDS = 2.0

log = structlog.get_logger()


def run_worker(settings: Settings) -> None:
    """Loads the models of the profile and works until SIGTERM or SIGINT."""
    # Imported here: the model libraries take seconds, and who brings models of their own needs none of them.
    from adapters.catalogue import load_models

    configure_logging(settings.log_level)
    profile = find_profile(settings.profile)
    digest = profile.model_digest
    serve(settings, profile, digest, load_models(profile, settings))


def serve(settings: Settings, profile: Profile, digest: str, classifiers: BaseClassifiers) -> None:
    """Works with models that are loaded; `digest` is what the profile's was before."""
    url = queue_url(settings)
    board = JobBoard(connect(url), settings)
    heartbeat = Heartbeat(board, worker_record(profile, digest), settings.lease_seconds)
    stop = StopFlag()
    model = LoadedModel(profile, digest, classifiers, settings, settings.noise_secret())
    runner = ShardRunner(board, ImageStore(settings.state_dir / "images"), model, heartbeat, stop)
    tick_seconds = min(TICK_SECONDS, settings.lease_seconds / 2)
    stop.install()
    heartbeat.start()
    log.info("worker_started", worker=heartbeat.owner, profile=profile.name)
    try:
        work_until_stopped(lambda: ShardWorker(connect(url), board, runner, stop, tick_seconds), stop)
    finally:
        heartbeat.stop()
    log.info("worker_stopped", worker=heartbeat.owner)


def worker_record(profile: Profile, digest: str) -> WorkerRecord:
    name = f"worker-{os.getpid()}-{secrets.token_hex(4)}"
    return WorkerRecord(name=name, profile=profile.name, model_digest=digest, started_at=time.time(), shards_done=0)


def queue_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise QueueUnavailableError("no queue server is named: set ROBUSTIFY_REDIS_URL, or start `robustify up`")
    return settings.redis_url
