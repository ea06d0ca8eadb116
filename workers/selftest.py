"""`robustify selftest`: radii of a classifier whose exact radius is known exceed it no more often than alpha allows.

The images go through a real queue and real worker processes of profile `oracle-linear`. Duplicated noise, a wrong
scale of sigma, votes counted twice or dropped with a bias all show here.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import redis
from scipy.stats import binom

from adapters.oracles import exact_margin
from adapters.profiles import find_profile, fingerprint
from adapters.queue.board import JobBoard
from adapters.queue.embedded import EmbeddedServer
from adapters.queue.messages import InputImage, JobKind, JobRequest, JobStatus
from adapters.settings import Settings
from adapters.store.files import ImageStore
from robustify.errors import RobustifyError
from robustify.types import DEFAULT_TEMPLATE, Task
from workers.processes import Child, Supervisor

PROFILE = "oracle-linear"
LABELS = ("above", "below")
SIGMA, N0, N = 0.25, 100, 1000
WORKERS_READY_SECONDS = 120.0
IN_FLIGHT = 40


@dataclass(frozen=True)
class SelfTestReport:
    """`exceeded`: radii above the exact one; `allowed`: the 99.9 % quantile of Binomial(images, alpha)."""

    images: int
    alpha: float
    certified: int
    abstained: int
    exceeded: int
    wrong_labels: int
    allowed: int
    seconds: float

    @property
    def passed(self) -> bool:
        return self.exceeded <= self.allowed and self.wrong_labels <= self.allowed


@contextmanager
def running_workers(state_dir: Path, profile: str, workers: int) -> Iterator[tuple[Settings, JobBoard, Supervisor]]:
    """An embedded queue server and worker processes of one thread each, ended on the way out."""
    with EmbeddedServer(state_dir) as server:
        environment = {
            "ROBUSTIFY_PROFILE": profile,
            "ROBUSTIFY_STATE_DIR": str(state_dir),
            "ROBUSTIFY_REDIS_URL": server.url,
            "ROBUSTIFY_THREADS": "1",
            "ROBUSTIFY_LOG_LEVEL": "WARNING",
            "OMP_NUM_THREADS": "1",
        }
        settings = Settings(profile=profile, state_dir=state_dir, redis_url=server.url)
        settings.noise_secret()
        board = JobBoard(redis.Redis.from_url(server.url), settings)
        children = [Child(f"worker-{index}", ("-m", "workers"), environment) for index in range(workers)]
        with Supervisor(children) as supervisor:
            wait_for_workers(board, supervisor, workers)
            yield settings, board, supervisor


def wait_for_workers(board: JobBoard, supervisor: Supervisor, count: int) -> None:
    deadline = time.monotonic() + WORKERS_READY_SECONDS
    while len(board.workers()) < count:
        if time.monotonic() > deadline:
            raise RobustifyError(f"{count} workers did not start within {WORKERS_READY_SECONDS:.0f} s: see their log")
        for child in supervisor.children:
            child.revive()
        time.sleep(0.1)


def random_images(count: int, side: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """8-bit images (3, side, side) in [0, 1] whose exact radii spread over what n can certify."""
    for _ in range(count):
        yield rng.integers(0, 256, (3, side, side)).astype(np.float32) / 255


def request_for(image: np.ndarray, store: ImageStore, settings: Settings, alpha: float) -> JobRequest:
    profile = find_profile(settings.profile)
    digest = store.put(image)
    side = profile.side
    return JobRequest(
        kind=JobKind.CERTIFY,
        image=InputImage(sha256=digest, height=side, width=side, source_sha256=digest, source_norm=1.0),
        labels=LABELS,
        template=DEFAULT_TEMPLATE,
        sigma=SIGMA,
        n0=N0,
        n=N,
        alpha=alpha,
        profile=profile.name,
        fingerprint=fingerprint(profile, settings, Task(LABELS, DEFAULT_TEMPLATE), SIGMA),
    )


def selftest(
    state_dir: Path,
    images: int,
    alpha: float,
    workers: int,
    on_result: Callable[[], None] = lambda: None,
    disturb: Callable[[Supervisor], None] = lambda supervisor: None,
) -> SelfTestReport:
    """Certify random images and compare with the truth; `disturb` is called while it runs."""
    started = time.monotonic()
    rng = np.random.default_rng(int.from_bytes(os.urandom(8), "little"))
    with running_workers(state_dir, PROFILE, workers) as (settings, board, supervisor):
        store = ImageStore(settings.state_dir / "images")
        shard_samples = find_profile(PROFILE).shard_samples
        margins: dict[str, float] = {}
        verdicts: list[tuple[float, dict[str, Any]]] = []
        pending = random_images(images, find_profile(PROFILE).side, rng)
        while len(verdicts) < images:
            for image in pending:
                job = board.submit(request_for(image, store, settings, alpha), shard_samples)
                margins[job.id] = exact_margin(image)
                if len(margins) >= IN_FLIGHT:
                    break
            for job_id, result in finished(board, margins):
                verdicts.append((margins.pop(job_id), result))
                on_result()
            disturb(supervisor)
            for child in supervisor.children:
                child.revive()
            time.sleep(0.02)
    return report(verdicts, alpha, time.monotonic() - started)


def finished(board: JobBoard, job_ids: dict[str, float]) -> Iterator[tuple[str, dict[str, Any]]]:
    for job_id in list(job_ids):
        record = board.get(job_id)
        if record is None or (record.status.done and record.status is not JobStatus.SUCCEEDED):
            raise RobustifyError(f"job {job_id} did not succeed: {record and record.error}")
        if record.result is not None:
            yield job_id, record.result


def report(verdicts: list[tuple[float, dict[str, Any]]], alpha: float, seconds: float) -> SelfTestReport:
    certified = [(margin, result) for margin, result in verdicts if result["outcome"] == "certified"]
    return SelfTestReport(
        images=len(verdicts),
        alpha=alpha,
        certified=len(certified),
        abstained=len(verdicts) - len(certified),
        exceeded=sum(result["radius"] > abs(margin) or wrong(margin, result) for margin, result in certified),
        wrong_labels=sum(wrong(margin, result) for margin, result in certified),
        allowed=int(binom.ppf(0.999, len(verdicts), alpha)),
        seconds=round(seconds, 1),
    )


def wrong(margin: float, result: dict[str, Any]) -> bool:
    return bool(result["label"] != (LABELS[0] if margin > 0 else LABELS[1]))


def as_json(outcome: SelfTestReport) -> str:
    return json.dumps({**outcome.__dict__, "passed": outcome.passed})
