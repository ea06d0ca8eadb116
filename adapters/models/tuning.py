"""Measures what a profile does on this device, in each number format and for larger and larger batches."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from adapters.models.catalogue import load_models
from adapters.models.free_memory import Headroom
from adapters.models.loaded import Models
from adapters.models.memory import forget_locals, give_back_memory, lacks_memory
from adapters.models.tuning_choices import COMPARED_SAMPLES, End, Measured, Speed, Vote, chosen_speed, is_flat
from adapters.profiles.profile import Profile
from adapters.settings import NumberFormat, Settings
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.smoothing.seeds import public_seed
from robustify.smoothing.votes import NO_VOTE, NoisyVotes, votes_of_rows
from robustify.types import Phase, Task

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Of batches: `verify --replay` counts certificates of no larger ones again."""
ROUNDS = 3
"""The fastest counts: others on the machine only ever make one slower."""
SHARE_OF_SPEEDS = 2 / 3
"""Of the time; the rest is for the votes that are compared."""
PURPOSE = b"robustify tune"


@dataclass(frozen=True, eq=False)
class Workload:
    """What is measured: noisy samples of an image (3, H, W), float32 in [0, 1], with a task."""

    profile: Profile
    settings: Settings
    task: Task
    image: np.ndarray

    def in_format(self, dtype: NumberFormat) -> Models:
        """The models, loaded."""
        return load_models(self.profile, self.settings.model_copy(update={"dtype": dtype}))

    def votes(self, models: Models, batch: int) -> NoisyVotes:
        """As a worker counts them, noise included."""
        sigma = self.profile.default_sigma
        seed = public_seed(PURPOSE, hashlib.sha256(self.image.tobytes()).hexdigest())
        return NoisyVotes(
            base_classifier=models.base_classifier(self.task, sigma),
            samples=GaussianSamples(self.image, sigma, SeededNoise(seed)),
            phase=Phase.ESTIMATE,
            classes=len(self.task.labels),
            batch_size=batch,
            device=models.device,
        )


def measure(workload: Workload, dtype: NumberFormat, seconds: float) -> Measured:
    """One number format, for about so many seconds after its models are loaded; what gives no answer has no speed.

    Raises ModelError where the profile's files are not as they should be.
    """
    try:
        return measured(workload, dtype, seconds)
    # Where torch has no operation of this kind for the number format, or no room for the models.
    except (RuntimeError, TypeError, MemoryError) as error:
        forget_locals(error)
        return Measured(dtype, end=End.MEMORY if lacks_memory(error) else End.FAILED)
    finally:
        give_back_memory()


def measured(workload: Workload, dtype: NumberFormat, seconds: float) -> Measured:
    models = workload.in_format(dtype)
    for_speeds = SHARE_OF_SPEEDS * seconds
    speeds, end = measured_speeds(partial(workload.votes, models), for_speeds, has_room_on(models.device))
    if not speeds:
        return Measured(dtype, end=end)
    best = chosen_speed(speeds)
    count = min(COMPARED_SAMPLES, max(best.batch, int((seconds - for_speeds) * best.samples_per_second)))
    return Measured(dtype, speeds, end, votes_of(workload.votes(models, best.batch), count))


def measured_speeds(
    votes: Callable[[int], NoisyVotes], seconds: float, has_room: Callable[[int, int], bool]
) -> tuple[tuple[Speed, ...], End]:
    """Of larger and larger batches, until one has no room, brings no more, or the time is up."""
    found: list[Speed] = []
    deadline = time.perf_counter() + seconds
    for before, batch in zip((1, *SIZES), SIZES, strict=False):
        if found and time.perf_counter() >= deadline:
            return tuple(found), End.TIME
        rate = samples_per_second(votes, batch, seconds / len(SIZES)) if has_room(before, batch) else None
        if rate is None:
            return tuple(found), End.MEMORY
        found.append(Speed(batch, rate))
        if is_flat(found):
            return tuple(found), End.FLAT
    return tuple(found), End.LARGEST


def samples_per_second(votes: Callable[[int], NoisyVotes], batch: int, seconds: float) -> float | None:
    """None where there is no room for such a batch."""
    try:
        return timed_rate(votes(batch), seconds)
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        forget_locals(error)
    give_back_memory()
    return None


def timed_rate(votes: NoisyVotes, seconds: float) -> float:
    """Samples per second, in the fastest of `ROUNDS` that take about so many seconds together; the first batch makes
    ready, and is not counted.
    """
    batch = votes.batch_size
    votes(0, batch)
    once = timed(votes, batch)
    count = int(seconds / once / ROUNDS) * batch
    return max([batch / once, *(count / timed(votes, count) for _ in range(ROUNDS) if count)])


def timed(votes: NoisyVotes, count: int) -> float:
    """Seconds that so many samples take; their votes are on the CPU when it ends."""
    started = time.perf_counter()
    votes(0, count)
    return time.perf_counter() - started


@torch.inference_mode()
def votes_of(votes: NoisyVotes, count: int) -> tuple[Vote, ...]:
    """Of the first so many samples, which have the same noise in every format."""
    classes = [int(vote) for logits in votes.logits(0, count) for vote in votes_of_rows(logits)]
    return tuple(None if vote == NO_VOTE else vote for vote in classes)


def has_room_on(device: torch.device) -> Callable[[int, int], bool]:
    """Whether a larger batch has room after a smaller one; a GPU says so itself when it is tried."""
    return (lambda tried, wanted: True) if device.type == "cuda" else Headroom.now().fits
