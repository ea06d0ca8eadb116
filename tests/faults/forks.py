"""Real workers and APIs of the service, each forked (see tests/forks.py) and dying on demand."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from unittest.mock import patch

import redis
import torch

from adapters.contract.jobs import JobRequest
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.queue.asking import NOBODY_IN_PARTICULAR, Admission, Asked
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from service.app import create_app
from service.serving.run import server_of
from tests.forks import end, start
from tests.integration.fault_injection_worker import FaultyOracle
from workers.log import configure_logging
from workers.wiring import serve
from workers.worker import ShardWorker

__all__ = ["DEATHS", "DyingBoard", "answer", "end", "start", "work"]

DEATHS = ("before the board is told", "before the image is stored", "before the job may begin", "before the answer")
"""Where an API can die between the acceptance of a request and the answer."""


@dataclass(frozen=True)
class DyingBoard:
    """Which of these moments of a request is the last one of an API, and of which request."""

    at: str
    request: int


def work(settings: Settings, batch_seconds: float, dies_at_delivery: int | None) -> None:
    """A worker of the linear oracle; it may die between a pop and its registration, of the n-th shard that it gets."""
    keep_words(settings)
    configure_logging(settings.log_level)
    torch.set_num_threads(1)
    profile = find_profile(settings.profile, settings)
    oracle = FaultyOracle(batch_seconds=batch_seconds)
    taken = 0

    def execute_job(worker: ShardWorker, job: object, queue: object) -> None:
        nonlocal taken
        taken += 1
        if taken == dies_at_delivery:
            os.kill(os.getpid(), signal.SIGKILL)
        untouched(worker, job, queue)

    untouched: Callable[..., None] = ShardWorker.execute_job
    with patch.object(ShardWorker, "execute_job", execute_job):
        serve(settings, profile, engine_digest(profile, settings), oracle)


def answer(settings: Settings, death: DyingBoard | None) -> None:
    """An API; it may die at a moment of the n-th request for a job."""
    keep_words(settings)
    connection = connect(str(settings.redis_url))
    board = JobBoard(connection, settings) if death is None else MortalBoard(connection, settings, death)
    server_of(create_app(settings, board, ImageStore(settings.state.images)), settings).run()


class MortalBoard(JobBoard):
    """A board whose process is killed at a moment of the n-th request for a job."""

    def __init__(self, connection: redis.Redis, settings: Settings, death: DyingBoard) -> None:
        super().__init__(connection, settings)
        self._death = death
        self._requests = 0

    def admit(
        self,
        request: JobRequest,
        shard_samples: int,
        asked: Asked = NOBODY_IN_PARTICULAR,
        image_bytes: int | None = None,
    ) -> Admission:
        self._requests += 1
        self._die_if(DEATHS[0])
        admission = super().admit(request, shard_samples, asked, image_bytes)
        self._die_if(DEATHS[1])
        return admission

    def commit(self, admission: Admission) -> bool:
        self._die_if(DEATHS[2])
        is_committed = super().commit(admission)
        self._die_if(DEATHS[3])
        return is_committed

    def _die_if(self, moment: str) -> None:
        if (moment, self._requests) == (self._death.at, self._death.request):
            os.kill(os.getpid(), signal.SIGKILL)


def keep_words(settings: Settings) -> None:
    """What such a process says is kept in a file."""
    with suppress(OSError):
        said = os.open(settings.state_dir.parent.parent / "said.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
