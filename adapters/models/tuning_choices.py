"""Which number format, batch and shard serve a profile best, by what was measured: decisions alone, without a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.settings import NumberFormat
from robustify.errors import ModelError

FASTER = 1.3
"""How many times as fast bfloat16 must be before it is proposed: it makes another function, of coarser numbers."""
AGREEING = 0.995
"""The least share of votes that must be those of float32."""
SAME_SPEED = 0.03
"""Of two batches whose speeds are no further apart, the smaller one wastes less on padding and takes less memory."""
GROWTH = 0.05
SHARD_SECONDS = 1.5
LARGEST_SHARD = 100_000
"""Of a profile's file."""
COMPARED_SAMPLES = 200
"""So many votes are compared before bfloat16 is proposed."""

Vote = int | None
"""A class; None of a sample whose logits are not finite."""


class End(StrEnum):
    """Why no larger batch was tried."""

    FLAT = "no faster"
    MEMORY = "out of memory"
    TIME = "out of time"
    LARGEST = "the largest"
    FAILED = "failed"


@dataclass(frozen=True)
class Speed:
    """What one batch size does."""

    batch: int
    samples_per_second: float


@dataclass(frozen=True)
class Measured:
    """One number format: its speeds, the smallest batch first, and the votes of samples that all formats see."""

    dtype: NumberFormat
    speeds: tuple[Speed, ...] = ()
    end: End = End.FAILED
    votes: tuple[Vote, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it can serve: it has a speed, and every sample has a vote."""
        return bool(self.speeds) and None not in self.votes

    @property
    def best(self) -> Speed:
        return chosen_speed(self.speeds)


@dataclass(frozen=True)
class Choice:
    """What is proposed for a profile's file."""

    dtype: NumberFormat
    batch: int
    shard: int
    samples_per_second: float


def choose(float32: Measured, bfloat16: Measured) -> Choice:
    """float32, unless bfloat16 is much faster and votes alike, or is the only one that runs. Raises ModelError where
    neither does.
    """
    runs = [measured for measured in (float32, bfloat16) if measured.runs]
    if not runs:
        raise ModelError(
            f"no number format serves this profile here (float32: {failure(float32)}; bfloat16: {failure(bfloat16)}): "
            "see what `robustify profiles check` says"
        )
    chosen = bfloat16 if len(runs) == 2 and is_worth(float32, bfloat16) else runs[0]
    best = chosen.best
    return Choice(chosen.dtype, best.batch, chosen_shard(best), best.samples_per_second)


def is_worth(float32: Measured, bfloat16: Measured) -> bool:
    enough = min(len(float32.votes), len(bfloat16.votes)) >= COMPARED_SAMPLES
    alike = enough and agreement(float32.votes, bfloat16.votes) >= AGREEING
    return alike and gain(float32, bfloat16) >= FASTER


def gain(float32: Measured, bfloat16: Measured) -> float:
    """How many times as fast bfloat16 is, each with its best batch."""
    return bfloat16.best.samples_per_second / float32.best.samples_per_second


def agreement(votes: Sequence[Vote], others: Sequence[Vote]) -> float:
    """The share of the samples of both that vote for the same class; one without a vote agrees with none."""
    compared = list(zip(votes, others, strict=False))
    return sum(one == other is not None for one, other in compared) / len(compared)


def failure(measured: Measured) -> str:
    return "some samples have no finite logits" if measured.speeds else measured.end.value


def chosen_speed(speeds: Sequence[Speed]) -> Speed:
    """The smallest batch that is as good as the fastest."""
    fastest = max(speed.samples_per_second for speed in speeds)
    good = [speed for speed in speeds if speed.samples_per_second >= (1 - SAME_SPEED) * fastest]
    return min(good, key=lambda speed: speed.batch)


def chosen_shard(speed: Speed) -> int:
    """Whole batches, one at least, for about `SHARD_SECONDS`."""
    wanted = round(SHARD_SECONDS * speed.samples_per_second / speed.batch)
    return min(max(1, wanted), LARGEST_SHARD // speed.batch) * speed.batch


def is_flat(speeds: Sequence[Speed]) -> bool:
    """Whether the two latest sizes brought nothing; a single one may have met a busy moment."""
    found = [speed.samples_per_second for speed in speeds]
    return len(found) > 2 and max(found[-2:]) < (1 + GROWTH) * max(found[:-2])
