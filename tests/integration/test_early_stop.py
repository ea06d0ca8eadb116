"""Certificates that stop early with real workers: the same document on one or three of them, and after SIGKILL."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from adapters.certificates.public_keys import noise_key
from adapters.certificates.vrf import seed_of
from adapters.contract.answer import certify_result, certify_rule_of
from adapters.contract.jobs import JobRecord, JobRequest, JobStatus
from adapters.contract.records import JobKind
from adapters.models.oracles import LinearOracle, linear_weights
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.smoothing.algorithms import certify
from robustify.smoothing.looks import Looks
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Bound, Phase, PredictTest
from tests.answers import shown
from tests.forks import Fork

MakeRequest = Callable[..., JobRequest]
StartWorker = Callable[..., Fork]
WaitUntil = Callable[..., None]

SHARD_SAMPLES = 100
SLOW = {"batch_seconds": 0.05}


@pytest.fixture
def certificate(make_request: MakeRequest) -> Callable[..., JobRequest]:
    """Asks about a tensor whose exact robust radius is given, 0.3 by default."""

    def ask(radius: float = 0.3, **aim: float) -> JobRequest:
        image = (0.5 + radius * linear_weights((3, 32, 32))).astype(np.float32)
        return make_request(image, n0=100, n=5000, bound=Bound.ANYTIME, looks=Looks(SHARD_SAMPLES), **aim)

    return ask


def undisturbed(request: JobRequest, settings: Settings) -> dict[str, Any]:
    """The document, counted here and now without a queue; but for `seconds`."""
    image = ImageStore(settings.state.images).get(request.image.sha256)
    seed = seed_of(noise_key(settings).proof(request.question.text))
    samples, oracle = GaussianSamples(image, request.sigma, SeededNoise(seed)), LinearOracle(torch.device("cpu"))
    counters = [NoisyVotes(oracle, samples, phase, 2, 50) for phase in (Phase.SELECT, Phase.ESTIMATE)]
    found = certify(certify_rule_of(request), *counters)
    result = certify_result(request, found.selection, found.tally, seconds=0.0)
    return result.model_dump(mode="json")


def current(board: JobBoard, job: JobRecord) -> JobRecord:
    record = board.get(job.id)
    assert record is not None
    return record


def document_of(board: JobBoard, job: JobRecord, wait_until: WaitUntil) -> dict[str, Any]:
    """Once it is there; but for `seconds`, and the certificate, which says when it was issued."""
    wait_until(lambda: current(board, job).status.done)
    record = current(board, job)
    assert record.status is JobStatus.SUCCEEDED
    result = shown(record)
    assert record.samples_done == result["samples_used"]
    return {**result, "seconds": 0.0, **({"certificate": None} if "certificate" in result else {})}


def test_target_radius_when_the_exact_one_is_known(
    board: JobBoard,
    queue_settings: Settings,
    certificate: Callable[..., JobRequest],
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """Below it, the radius is certified; above it, it is not; both with a part of the samples, and of the shards."""
    start_worker()
    for radius, outcome in ((0.2, "certified"), (0.5, "not_certified")):
        job = board.submit(certificate(target_radius=radius), SHARD_SAMPLES)
        document = document_of(board, job, wait_until)
        assert document["outcome"] == outcome
        assert document["samples_used"] <= 1100
        assert document == undisturbed(job.vote_request, queue_settings)
    wait_until(lambda: sum(worker.shards_done for worker in board.workers()) > 0)
    assert sum(worker.shards_done for worker in board.workers()) <= 22


@pytest.mark.parametrize("aim", [{"target_radius": 0.27}, {"tolerance": 0.04}])
def test_certificate_when_workers_are_killed(
    board: JobBoard,
    queue_settings: Settings,
    certificate: Callable[..., JobRequest],
    start_worker: StartWorker,
    wait_until: WaitUntil,
    aim: dict[str, float],
) -> None:
    """One of three with SIGKILL in the middle, and another after it: the document is that of an undisturbed run.

    It is about an image with which that run stops after both kills, and before its last sample.
    """
    requests = (certificate(radius, **aim) for radius in np.linspace(0.3, 0.302, 20))
    request = next(found for found in requests if 600 < undisturbed(found, queue_settings)["samples_used"] < 5100)
    victims = [start_worker(**SLOW) for _ in range(3)]
    job = board.submit(request, SHARD_SAMPLES)
    for samples, victim in zip((300, 500), victims, strict=False):
        wait_until(lambda samples=samples: current(board, job).samples_done >= samples)
        victim.kill()
    document = document_of(board, job, wait_until)

    assert document == undisturbed(job.vote_request, queue_settings)
    assert 600 < document["samples_used"] < 5100


def test_prediction_when_it_stops_early(
    board: JobBoard, make_request: MakeRequest, start_worker: StartWorker, wait_until: WaitUntil
) -> None:
    """An easy image takes one batch, a hopeless one all samples; the worker goes on with the next job."""
    start_worker()
    easy = (0.5 + 0.3 * linear_weights((3, 32, 32))).astype(np.float32)
    early = {"n": 400, "test": PredictTest.SEQUENTIAL, "looks": Looks(50)}
    for image, used, outcome in ((easy, {50}, "predicted"), (None, set(range(50, 401, 50)), None)):
        job = board.submit(make_request(image, JobKind.PREDICT, **early), SHARD_SAMPLES)
        document = document_of(board, job, wait_until)
        assert document["samples_used"] in used
        assert outcome in (None, document["outcome"])
    assert board.queue_depths()["predict"] == 0
