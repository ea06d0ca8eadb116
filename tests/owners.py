"""Owners who ask on the board of a test, each question about an image of its own, and a worker who answers them."""

from collections.abc import Callable

import numpy as np
import pytest
import redis

from adapters.contract.access import Allowance, Caller
from adapters.contract.jobs import JobRecord, JobRequest, Shard
from adapters.contract.records import JobKind
from adapters.queue.asking import Asked
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.types import Phase
from tests.answers import answer_of
from tests.queue_fixtures import MakeRequest

SAMPLES = 100
SHARD = Shard(phase=Phase.PREDICT, first=0, count=SAMPLES)


def asked(owner: str, idempotency_key: str | None = None, webhook: str | None = None, **allowance: int) -> Asked:
    return Asked(Caller(owner=owner, allowance=Allowance(**allowance)), idempotency_key, webhook)


ANN, BOB = asked("ann"), asked("bob")


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)


@pytest.fixture
def question(make_request: MakeRequest) -> Callable[..., JobRequest]:
    """Makes predictions, each about an image of its own."""
    number = 0

    def make(**values: object) -> JobRequest:
        nonlocal number
        number += 1
        image = np.full((3, 32, 32), number / 1000, dtype=np.float32)
        return make_request(image, kind=JobKind.PREDICT, n=SAMPLES, **values)

    return make


def answer(board: JobBoard, job: JobRecord) -> None:
    """Does what a worker would."""
    assert board.lease(job.job, SHARD, "worker")
    assert board.record_votes(job.job, SHARD, job.vote_request.fingerprint, [SAMPLES, 0]).counted
    assert board.finish(job.job, answer_of(board, job.job))


def listed(board: JobBoard, owner: str) -> tuple[JobRecord, ...]:
    """An owner's latest jobs."""
    found = board.listing(owner, 1000)
    assert found is not None
    return found.records
