"""Workers that are killed, stopped, frozen, or cut off from the queue: the votes are those of an undisturbed run."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen

import numpy as np
import pytest
import redis
import torch

from adapters.certificates.public_keys import noise_key
from adapters.certificates.vrf import seed_of
from adapters.contract.jobs import JobRecord, JobRequest, JobStatus, Shard
from adapters.contract.records import JobKind
from adapters.models.oracles import LinearOracle, exact_margin, linear_weights
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.keys import queue_name
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.smoothing.decisions import bound_radius
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.votes import NoisyVotes
from robustify.types import Phase
from tests.answers import samples_of, shown
from tests.forks import Fork
from tests.queue_fixtures import waiting_shards
from workers.stop import GIVEN_UP

MakeRequest = Callable[..., JobRequest]
StartWorker = Callable[..., Fork]
StartProductWorker = Callable[..., Popen[bytes]]
WaitUntil = Callable[..., None]

SHARD_SAMPLES = 200
START_SECONDS = 60.0
SLOW = {"batch_seconds": 0.05}


@pytest.fixture
def image() -> np.ndarray:
    """A canonical tensor whose exact robust radius is 0.3."""
    tensor = (0.5 + 0.3 * linear_weights((3, 32, 32))).astype(np.float32)
    assert exact_margin(tensor) == pytest.approx(0.3, abs=1e-6)
    return tensor


def votes_of_an_undisturbed_run(request: JobRequest, settings: Settings, phase: Phase) -> list[int]:
    """Counted here and now, without a queue."""
    image = ImageStore(settings.state.images).get(request.image.sha256)
    seed = seed_of(noise_key(settings).proof(request.question.text))
    samples = GaussianSamples(image, request.sigma, SeededNoise(seed))
    count = NoisyVotes(LinearOracle(torch.device("cpu")), samples, phase, 2, 50)
    return list(count(0, samples_of(request, phase)))


def votes_in(record: JobRecord, name: str = "votes") -> list[int]:
    return [vote["count"] for vote in shown(record)[name]]


def done(board: JobBoard, job: JobRecord) -> bool:
    return current(board, job).status.done


def current(board: JobBoard, job: JobRecord) -> JobRecord:
    record = board.get(job.id)
    assert record is not None
    return record


def samples_done(board: JobBoard, job: JobRecord) -> int:
    return current(board, job).samples_done


def assert_undisturbed(board: JobBoard, job: JobRecord, settings: Settings) -> None:
    """The job has succeeded with the votes of an undisturbed run."""
    record = current(board, job)
    assert record.status is JobStatus.SUCCEEDED, record
    assert votes_in(record, "selection_votes") == votes_of_an_undisturbed_run(job.vote_request, settings, Phase.SELECT)
    assert votes_in(record) == votes_of_an_undisturbed_run(job.vote_request, settings, Phase.ESTIMATE)


def test_three_two_and_one_worker(
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """They share a certificate, and its votes are the same; so is the radius, below the exact one."""
    workers = [start_worker(batch_seconds=0.02) for _ in range(3)]
    wait_until(lambda: len(board.workers()) == 3)
    radii = []
    for number, n in ((3, 1600), (2, 1000), (1, 800)):
        job = board.submit(make_request(image, n=n), SHARD_SAMPLES)
        wait_until(lambda job=job: done(board, job))
        assert_undisturbed(board, job, queue_settings)
        radii.append(shown(current(board, job))["radius"])
        if number == 3:
            wait_until(lambda: all(worker.shards_done > 0 for worker in board.workers()), seconds=5)
        retired = workers.pop()
        retired.send_signal(signal.SIGTERM)
        assert retired.wait(START_SECONDS) == 0
    assert all(0 < radius < 0.3 for radius in radii)


def test_killed_in_the_middle(
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """One worker after the other: the next one finishes soon after the leases of the dead are over."""
    victims = [start_worker(**SLOW), start_worker(**SLOW)]
    job = board.submit(make_request(image, n=2000), SHARD_SAMPLES)
    for samples, victim in zip((300, 900), victims, strict=True):
        wait_until(lambda samples=samples: samples_done(board, job) >= samples)
        victim.kill()
    killed_at = time.monotonic()
    assert not done(board, job)
    start_worker()
    wait_until(lambda: done(board, job))
    assert time.monotonic() - killed_at < 30
    assert_undisturbed(board, job, queue_settings)


def test_frozen_longer_than_its_lease(
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """Another takes over; what the thawed one brings is refused, and it goes on working."""
    frozen = start_worker(**SLOW)
    job = board.submit(make_request(image, n=1000), SHARD_SAMPLES)
    wait_until(lambda: samples_done(board, job) > 0)
    frozen.send_signal(signal.SIGSTOP)
    other = start_worker()
    wait_until(lambda: done(board, job))
    other.kill()
    frozen.send_signal(signal.SIGCONT)
    prediction = board.submit(make_request(image, JobKind.PREDICT, n=100), SHARD_SAMPLES)
    wait_until(lambda: done(board, prediction))
    assert_undisturbed(board, job, queue_settings)


def test_the_queue_server_is_killed_and_restarted(
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
    tmp_path: Path,
) -> None:
    """The job, its votes and its worker survive; submitted jobs are all there."""
    with EmbeddedServer(tmp_path / "own") as server, connect(server.url) as connection:
        settings = queue_settings.model_copy(update={"redis_url": server.url})
        board = JobBoard(connection, settings)
        worker = start_worker(settings, **SLOW)
        job = board.submit(make_request(image, n=2000), SHARD_SAMPLES)
        waiting = board.submit(make_request(image, n=300), SHARD_SAMPLES)
        wait_until(lambda: samples_done(board, job) >= 500)
        server.kill()
        time.sleep(1.0)
        server.start()
        assert not done(board, job)
        wait_until(lambda: done(board, job) and done(board, waiting))
        assert worker.poll() is None
        assert_undisturbed(board, job, queue_settings)
        assert_undisturbed(board, waiting, queue_settings)


def test_sigterm(
    connection: redis.Redis,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """The worker stops between two batches, its shard is the next that anybody gets, and it is off the list.

    All that before its lease would have been over.
    """
    settings = queue_settings.model_copy(update={"lease_seconds": 600.0})
    board = JobBoard(connection, settings)
    worker = start_worker(settings, batch_seconds=0.5)
    job = board.submit(make_request(image, n=800), SHARD_SAMPLES)
    engine = job.request.engine
    wait_until(lambda: samples_done(board, job) == 100 and waiting_shards(connection, JobKind.CERTIFY, engine) == 3)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(START_SECONDS) == 0
    assert board.workers() == []
    assert waiting_shards(connection, JobKind.CERTIFY, engine) == 4
    given_back = Shard(phase=Phase.ESTIMATE, first=0, count=SHARD_SAMPLES)
    queue = f"rq:queue:{queue_name(JobKind.CERTIFY, job.request.engine)}"
    assert connection.lindex(queue, 0) == f"{job.id}-estimate-0".encode()
    assert board.lease(job.id, given_back, "anybody")


def test_a_worker_with_other_settings(
    board: JobBoard,
    connection: redis.Redis,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """It computes another function, and leaves alone what is not for it: no job notices it."""
    other = queue_settings.model_copy(update={"batch_size": 25})
    start_worker(other)
    wait_until(lambda: len(board.workers()) == 1)
    jobs = [board.submit(make_request(image, n=n), SHARD_SAMPLES) for n in (400, 600)]
    served = board.submit(make_request(image, settings=other), SHARD_SAMPLES)
    wait_until(lambda: done(board, served))
    assert not any(done(board, job) for job in jobs)
    start_worker()
    wait_until(lambda: all(done(board, job) for job in jobs))
    for job in (*jobs, served):
        assert current(board, job).status is JobStatus.SUCCEEDED
    assert list(connection.scan_iter("robustify:attempts:*")) == []


def test_a_worker_whose_model_is_broken(
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """Beside a healthy one it costs time, but no job."""
    start_worker(error=True)
    wait_until(lambda: len(board.workers()) == 1)
    jobs = [board.submit(make_request(image, n=n), SHARD_SAMPLES) for n in (400, 600, 800)]
    wait_until(lambda: current(board, jobs[0]).status is JobStatus.RUNNING)
    start_worker(**SLOW)
    wait_until(lambda: all(done(board, job) for job in jobs))
    for job in jobs:
        assert_undisturbed(board, job, queue_settings)


def test_a_broken_worker_alone(
    board: JobBoard, make_request: MakeRequest, image: np.ndarray, start_worker: StartWorker, wait_until: WaitUntil
) -> None:
    """After three failures it exits, for its supervisor to see, before it has failed a job."""
    broken = start_worker(error=True)
    job = board.submit(make_request(image, JobKind.PREDICT, n=100), SHARD_SAMPLES)
    assert broken.wait(START_SECONDS) == GIVEN_UP
    assert not done(board, job)
    assert board.workers() == []


def test_a_worker_with_another_noise_key(
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    start_worker: StartWorker,
    start_product_worker: StartProductWorker,
    wait_until: WaitUntil,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It refuses to start with one line: the same question would meet another noise."""
    start_worker()
    wait_until(lambda: len(board.workers()) == 1)
    stranger = start_product_worker(settings=queue_settings.model_copy(update={"state_dir": tmp_path / "other"}))
    assert stranger.wait(START_SECONDS) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("{")]
    assert len(lines) == 1
    assert "another noise key" in lines[0]
    assert len(board.workers()) == 1


def test_somebody_suspends_the_workers_of_rq(
    board: JobBoard,
    connection: redis.Redis,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """Ours work on."""
    connection.set("rq:suspended", 1)
    start_worker()
    job = board.submit(make_request(image, JobKind.PREDICT, n=100), SHARD_SAMPLES)
    wait_until(lambda: done(board, job))
    assert current(board, job).status is JobStatus.SUCCEEDED


def test_cancel(
    board: JobBoard, make_request: MakeRequest, image: np.ndarray, start_worker: StartWorker, wait_until: WaitUntil
) -> None:
    """A running job stops between two batches, and its worker takes the next one."""
    start_worker(batch_seconds=0.2)
    job = board.submit(make_request(image, n=4000), 2000)
    wait_until(lambda: samples_done(board, job) == 100)
    time.sleep(0.3)
    board.cancel(job.id)
    following = board.submit(make_request(image, JobKind.PREDICT, n=50), SHARD_SAMPLES)
    wait_until(lambda: done(board, following), seconds=5)
    record = current(board, job)
    assert (record.status, record.samples_done, record.result) == (JobStatus.CANCELED, 100, None)


def test_predictions_do_not_wait_for_certificates(
    board: JobBoard, make_request: MakeRequest, image: np.ndarray, start_worker: StartWorker, wait_until: WaitUntil
) -> None:
    """One is answered while a certificate with many shards still runs."""
    start_worker(**SLOW)
    certificate = board.submit(make_request(image, n=10000), SHARD_SAMPLES)
    wait_until(lambda: samples_done(board, certificate) > 0)
    prediction = board.submit(make_request(image, JobKind.PREDICT, n=100), SHARD_SAMPLES)
    wait_until(lambda: done(board, prediction), seconds=10)
    assert not done(board, certificate)
    assert shown(current(board, prediction))["label"] == "left"


def test_an_rq_job_that_names_another_function(
    board: JobBoard,
    connection: redis.Redis,
    make_request: MakeRequest,
    start_worker: StartWorker,
    wait_until: WaitUntil,
    tmp_path: Path,
) -> None:
    """It is never run but put among the dead letters, as is one that nobody can read; the worker goes on."""
    folder = tmp_path / "made-by-an-attacker"
    connection.hset("rq:job:evil", mapping={"data": json.dumps(["os.mkdir", None, [str(folder)], {}])})
    connection.hset("rq:job:odd", mapping={"data": b"\x80\x04", "status": "no such status"})
    request = make_request(kind=JobKind.PREDICT, n=50)
    connection.rpush(f"rq:queue:{queue_name(JobKind.PREDICT, request.engine)}", "evil", "odd")
    job = board.submit(request, SHARD_SAMPLES)
    start_worker()
    wait_until(lambda: done(board, job))
    assert not folder.exists()
    assert connection.lrange("robustify:dead-letters", 0, -1) == [b"odd", b"evil"]


def test_nan_for_some_samples(
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    start_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """They are missing votes, and cost radius."""
    start_worker(nan_share=0.01)
    job = board.submit(make_request(image, n=2000), 500)
    wait_until(lambda: done(board, job))
    record = current(board, job)
    faultless = votes_of_an_undisturbed_run(job.vote_request, queue_settings, Phase.ESTIMATE)
    assert 0 < 2000 - sum(votes_in(record)) < 60
    assert all(vote <= full for vote, full in zip(votes_in(record), faultless, strict=True))
    assert shown(record)["radius"] < radius_of(faultless, job.vote_request)


def radius_of(votes: Sequence[int], request: JobRequest) -> float:
    radius = bound_radius(0, [request.n0, 0], votes, request.smoothing).radius
    assert radius is not None
    return radius


def test_the_worker_as_it_is_shipped(
    board: JobBoard,
    make_request: MakeRequest,
    image: np.ndarray,
    start_product_worker: StartProductWorker,
    wait_until: WaitUntil,
) -> None:
    """`python -m workers` loads its profile, shows itself, and answers."""
    worker = start_product_worker()
    job = board.submit(make_request(image, JobKind.PREDICT, n=100), SHARD_SAMPLES)
    wait_until(lambda: done(board, job))
    assert shown(current(board, job))["label"] == "left"
    assert [record.profile for record in board.workers()] == ["oracle-linear"]
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(START_SECONDS) == 0
