"""Workers that are started and stopped by the backlog, as an autoscaler does: to none and back, and nothing is lost."""

import math
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml

from adapters.contract.jobs import JobRecord, JobRequest
from adapters.contract.records import JobKind
from adapters.models.oracles import linear_weights
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from tests.forks import Fork
from tests.integration.test_worker_faults import assert_undisturbed, current, done, samples_done

MakeRequest = Callable[..., JobRequest]
StartWorker = Callable[..., Fork]
WaitUntil = Callable[..., None]

SCALED_OBJECT = Path(__file__).parents[2] / "docker" / "kubernetes" / "components" / "keda" / "scaled_object.yaml"
MOST, SHARD_SAMPLES, START_SECONDS = 2, 100, 60.0


@dataclass
class Scaler:
    """Keeps as many workers as the figure says, shared among them as the manifest says; stops the oldest first."""

    board: JobBoard
    engine: str
    start: Callable[[], Fork]
    shards_each: int
    workers: list[Fork] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    """How many workers there were, each number once in a row."""

    @property
    def wanted(self) -> int:
        left = sum(found.steps for found in self.board.backlog([self.engine]))
        return min(MOST, math.ceil(left / self.shards_each))

    def look(self) -> int:
        """One look, and what follows; returns how many there are then."""
        wanted = self.wanted
        while len(self.workers) < wanted:
            self.workers.append(self.start())
        while len(self.workers) > wanted:
            leaving = self.workers.pop(0)
            leaving.send_signal(signal.SIGTERM)
            # One that has not even begun to work ends by the signal itself.
            assert leaving.wait(START_SECONDS) in (0, -signal.SIGTERM)
        if self.seen[-1:] != [wanted]:
            self.seen.append(wanted)
        return wanted


@pytest.fixture
def image() -> np.ndarray:
    tensor: np.ndarray = (0.5 + 0.3 * linear_weights((3, 32, 32))).astype(np.float32)
    return tensor


@pytest.fixture
def scaler(board: JobBoard, make_request: MakeRequest, start_worker: StartWorker) -> Scaler:
    metadata = yaml.safe_load(SCALED_OBJECT.read_text(encoding="utf-8"))["spec"]["triggers"][0]["metadata"]
    assert float(metadata["activationThreshold"]) == 0
    return Scaler(board, make_request().engine, lambda: start_worker(batch_seconds=0.05), int(metadata["threshold"]))


def test_scaling_when_jobs_come_and_go(
    scaler: Scaler,
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    wait_until: WaitUntil,
) -> None:
    """None, two for a certificate, fewer while it ends, none; one for the next job: each shard counts once."""
    assert scaler.look() == 0
    jobs = [board.submit(make_request(image, n=2000), SHARD_SAMPLES)]
    wait_until(lambda: scaler.look() >= 0 and all(done(board, job) for job in jobs))
    wait_until(lambda: scaler.look() == 0)
    assert max(scaler.seen) == 2
    assert board.workers() == []
    jobs.append(board.submit(make_request(image, JobKind.PREDICT, n=SHARD_SAMPLES), SHARD_SAMPLES))
    assert scaler.look() == 1
    wait_until(lambda: scaler.look() == 0)
    assert_undisturbed(board, jobs[0], queue_settings)
    assert done(board, jobs[1])
    assert_each_counted_once(board, jobs)


def test_scaling_when_the_last_worker_is_killed(
    scaler: Scaler,
    board: JobBoard,
    queue_settings: Settings,
    make_request: MakeRequest,
    image: np.ndarray,
    wait_until: WaitUntil,
) -> None:
    """Its shard is still in the figure: another worker is started, and ends the job."""
    job = board.submit(make_request(image, n=300), SHARD_SAMPLES)
    wait_until(lambda: scaler.look() >= 0 and samples_done(board, job) > 0)
    for worker in scaler.workers:
        worker.kill()
    scaler.workers.clear()
    assert not done(board, job)
    assert scaler.look() == 1
    wait_until(lambda: scaler.look() == 0)
    assert_undisturbed(board, job, queue_settings)
    assert_each_counted_once(board, [job])


def assert_each_counted_once(board: JobBoard, jobs: list[JobRecord]) -> None:
    """As many samples as were asked for, and not one more."""
    asked = sum(phase.samples for job in jobs for phase in job.vote_request.phases)
    counters = board.figures().counters
    assert sum(counters.get(f"samples:{kind}", 0) for kind in JobKind) == asked
    assert counters.get("shards:duplicate", 0) == 0
    assert all(current(board, job).samples_done == sum(p.samples for p in job.vote_request.phases) for job in jobs)
