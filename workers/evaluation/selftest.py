"""`robustify selftest`: what is claimed of a classifier whose radius is known is false no more often than alpha allows.

The images go through a real queue and real worker processes of profile `oracle-linear`. Duplicated noise, a wrong
scale of sigma, votes counted twice or dropped with a bias all show here.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from pydantic import BaseModel, computed_field
from scipy.stats import binom, chi2

from adapters.certificates.public_keys import noise_key
from adapters.contract.jobs import InputImage, JobRequest, JobStatus, WorkerRecord
from adapters.contract.records import JobKind
from adapters.contract.results import CertifyResult, PredictResult, Voted
from adapters.models.oracles import exact_margin, linear_weights
from adapters.profiles.fingerprint import engine_digest, function_digest
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.places import places_of
from adapters.store.tensors import ImageStore
from robustify.errors import RobustifyError
from robustify.smoothing.lattice import CHANNELS
from robustify.types import DEFAULT_TEMPLATE, Task
from workers.evaluation.selftest_claims import LABELS, Claim, is_false, is_wrong, request_fields, tested_image
from workers.supervision.processes import Child, Supervisor

LINEAR, COIN = "oracle-linear", "oracle-coin"
SIGMA, N0, N = 0.25, 100, 1000
WORKERS_READY_SECONDS = 120.0
STALL_SECONDS = 120.0
"""Without a new certificate for so long, the test has failed; one takes a second or two."""
IN_FLIGHT = 40
FALSE_ALARM = 0.001
"""How often a correct service fails each half of the test."""
UNSETTLED = ("abstained", "undecided")
Tried = tuple[float, Voted]
"""The exact margin of an image and the result of its job."""


class SelfTestReport(BaseModel):
    """`settled`: neither abstained nor undecided; `false`: those that are not true, among them `wrong_labels`;
    `allowed`: the 99.9 % quantile of Binomial(images, alpha).

    `coin_variance_ratio`: the variance of fair coins' votes over that of independent ones; None without coins.
    """

    bound: Claim
    images: int
    alpha: float
    settled: int
    false: int
    wrong_labels: int
    allowed: int
    coins: int
    coin_variance_ratio: float | None
    killed_workers: int
    canceled_jobs: int
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Noise shared by four votes would quadruple the variance."""
        if self.false > self.allowed:
            return False
        if self.coin_variance_ratio is None:
            return True
        low, high = coin_ratios(self.coins)
        return low <= self.coin_variance_ratio <= high


@dataclass
class Killer:
    """Every `seconds`, ends a random worker with SIGKILL that has been at work for as long; 0 for never."""

    seconds: float
    kills: int = 0
    last: float = field(default_factory=time.monotonic)

    def __call__(self, supervisor: Supervisor, board: JobBoard) -> None:
        if not self.seconds or time.monotonic() - self.last < self.seconds:
            return
        workers = board.workers()
        victims = [child for child in supervisor.children if seconds_at_work(child, workers) >= self.seconds]
        if victims:
            random.choice(victims).kill()
            self.kills, self.last = self.kills + 1, time.monotonic()


def seconds_at_work(child: Child, workers: Sequence[WorkerRecord]) -> float:
    """How long ago its models were loaded; 0 before. A worker's name begins with its process id."""
    if child.process is None or not child.is_running:
        return 0.0
    own = f"worker-{child.process.pid}-"
    return max((time.time() - worker.started_at for worker in workers if worker.name.startswith(own)), default=0.0)


@dataclass
class Canceler:
    """Every `seconds`, cancels a random job that is not done, and submits it again; 0 for never."""

    seconds: float
    canceled: int = 0
    last: float = field(default_factory=time.monotonic)

    def __call__(self, board: JobBoard, in_flight: dict[str, "Trial"]) -> None:
        if not self.seconds or time.monotonic() - self.last < self.seconds or not in_flight:
            return
        job_id = random.choice(list(in_flight))
        record, self.last = board.cancel(job_id), time.monotonic()
        if record is not None and record.status is JobStatus.CANCELED:
            trial = in_flight.pop(job_id)
            in_flight[submit(board, trial)] = trial
            self.canceled += 1


@dataclass(frozen=True)
class Trial:
    """A request, and the exact margin of its image."""

    request: JobRequest
    margin: float


@dataclass(frozen=True)
class Disturbances:
    """What goes wrong meanwhile."""

    killer: Killer
    canceler: Canceler


def selftest(
    state_dir: Path,
    bound: Claim,
    images: int,
    alpha: float,
    workers: int,
    coins: int = 0,
    kill_every: float = 0.0,
    cancel_every: float = 0.0,
    on_result: Callable[[], None] = lambda: None,
) -> SelfTestReport:
    """Have random images answered and compare with the truth; then flip coins and compare their variance."""
    started, disturbances = time.monotonic(), Disturbances(Killer(kill_every), Canceler(cancel_every))
    run = partial(answer_random_images, alpha=alpha, workers=workers, disturbances=disturbances, on_result=on_result)
    linear = list(run(state_dir / "linear", LINEAR, bound, images))
    coin = list(run(state_dir / "coin", COIN, Claim.CLOPPER_PEARSON, coins))
    return SelfTestReport(
        bound=bound,
        images=len(linear),
        alpha=alpha,
        settled=sum(result.outcome not in UNSETTLED for _, result in linear),
        false=sum(is_false(margin, result) for margin, result in linear),
        wrong_labels=sum(is_wrong(margin, result) for margin, result in linear),
        allowed=int(binom.ppf(1 - FALSE_ALARM, len(linear), alpha)),
        coins=len(coin),
        coin_variance_ratio=variance_ratio(coin) if len(coin) > 1 else None,
        killed_workers=disturbances.killer.kills,
        canceled_jobs=disturbances.canceler.canceled,
        seconds=round(time.monotonic() - started, 1),
    )


def coin_ratios(coins: int) -> tuple[float, float]:
    """Between what the variance ratio of independent counts lies but for a false alarm: .78 to 1.24 for 400."""
    low, high = (chi2.ppf(share, coins - 1) / (coins - 1) for share in (FALSE_ALARM / 2, 1 - FALSE_ALARM / 2))
    return float(low), float(high)


def variance_ratio(tried: Sequence[Tried]) -> float:
    """Var(k) / (n / 4) of the votes for the first label."""
    counts = [result.counts[0] for _, result in tried]
    return float(np.var(counts, ddof=1) / (N / 4))


def answer_random_images(
    state_dir: Path,
    profile: str,
    claim: Claim,
    images: int,
    *,
    alpha: float,
    workers: int,
    disturbances: Disturbances,
    on_result: Callable[[], None],
    stall_seconds: float = STALL_SECONDS,
) -> Iterator[Tried]:
    """Submit random images, a few at a time, and yield the exact margin of each with its result."""
    if not images:
        return
    with running_workers(state_dir, profile, workers) as (settings, board, supervisor):
        pending = random_trials(claim, images, settings, alpha)
        in_flight: dict[str, Trial] = {}
        left, moved_at = images, time.monotonic()
        while left:
            for trial in islice(pending, IN_FLIGHT - len(in_flight)):
                in_flight[submit(board, trial)] = trial
            for job_id, result in finished(board, list(in_flight)):
                yield in_flight.pop(job_id).margin, result
                on_result()
                left, moved_at = left - 1, time.monotonic()
            if time.monotonic() - moved_at > stall_seconds:
                raise RobustifyError(
                    f"no answer came within {stall_seconds:.0f} s, {left} of {images} are left, after "
                    f"{disturbances.killer.kills} kills: the workers fail, or are killed too often"
                )
            disturbances.canceler(board, in_flight)
            disturbances.killer(supervisor, board)
            supervisor.revive()
            time.sleep(0.02)


def submit(board: JobBoard, trial: Trial) -> str:
    """The id of the job."""
    return board.submit(trial.request, find_profile(trial.request.profile).shard_samples).id


def random_trials(claim: Claim, count: int, settings: Settings, alpha: float) -> Iterator[Trial]:
    profile, store = find_profile(settings.profile, settings), places_of(settings).images
    normal = linear_weights((CHANNELS, profile.side, profile.side))
    for index, drawn in enumerate(random_images(count, profile.side)):
        image, margin = tested_image(claim, drawn, exact_margin(drawn), normal)
        request = request_for(image, store, settings, alpha, request_fields(claim, margin, above=index % 2 == 0))
        yield Trial(request, exact_margin(image))


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
        settings = Settings(profile=profile, state_dir=state_dir, redis_url=server.url, noise_key=None)
        noise_key(settings)
        board = JobBoard(connect(server.url), settings)
        children = [Child(f"worker-{index}", ("-m", "workers"), environment) for index in range(workers)]
        with Supervisor(children) as supervisor:
            wait_for_workers(board, supervisor, workers)
            yield settings, board, supervisor


def wait_for_workers(board: JobBoard, supervisor: Supervisor, count: int) -> None:
    deadline = time.monotonic() + WORKERS_READY_SECONDS
    while len(board.workers()) < count:
        if time.monotonic() > deadline:
            raise RobustifyError(f"{count} workers did not start within {WORKERS_READY_SECONDS:.0f} s: see their log")
        supervisor.revive()
        time.sleep(0.1)


def random_images(count: int, side: int) -> Iterator[np.ndarray]:
    """8-bit images (3, side, side) in [0, 1] whose exact radii spread over what n can certify."""
    rng = np.random.default_rng()
    for _ in range(count):
        yield rng.integers(0, 256, (3, side, side)).astype(np.float32) / 255


def request_for(
    image: np.ndarray, store: ImageStore, settings: Settings, alpha: float, fields: Mapping[str, object]
) -> JobRequest:
    profile = find_profile(settings.profile, settings)
    digest, engine = store.put(image), engine_digest(profile, settings)
    side = profile.side
    values = {
        "kind": JobKind.CERTIFY,
        "image": InputImage(sha256=digest, height=side, width=side, source_sha256=digest, source_norm=1.0),
        "labels": LABELS,
        "template": DEFAULT_TEMPLATE,
        "sigma": SIGMA,
        "n0": N0,
        "n": N,
        "alpha": alpha,
        "profile": profile.name,
        "engine": engine,
        "fingerprint": function_digest(engine, Task(LABELS, DEFAULT_TEMPLATE), SIGMA),
    }
    return JobRequest.model_validate({**values, **fields})


def finished(board: JobBoard, job_ids: Sequence[str]) -> Iterator[tuple[str, Voted]]:
    """The jobs that have ended, with their results; one that failed is an error."""
    for job_id in job_ids:
        record = board.get(job_id)
        if record is None or (record.status.done and record.status is not JobStatus.SUCCEEDED):
            raise RobustifyError(f"job {job_id} did not succeed: {record and record.error}")
        if isinstance(record.result, PredictResult | CertifyResult):
            yield job_id, record.result
