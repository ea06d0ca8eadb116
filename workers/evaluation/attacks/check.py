"""What one check of an attack says, and when a difference between two runs on the same images is more than chance."""

from collections.abc import Sequence

from pydantic import BaseModel
from scipy.stats import binomtest

CHANCE = 0.05


class CheckResult(BaseModel):
    """One of the seven. `passed` is None where it could not be done, and `measured` says why."""

    number: int
    name: str
    done: str
    must_hold: str
    measured: str
    passed: bool | None


class Checks(BaseModel):
    """All seven, and the images that they were made on."""

    images: int
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether none failed."""
        return all(result.passed is not False for result in self.results)


def is_more(first: Sequence[bool], second: Sequence[bool]) -> bool:
    """Whether `second` is true more often than `first` on the same images, by more than chance: the exact test of
    McNemar, one-sided, at 5 %.
    """
    gained = sum(after and not before for before, after in zip(first, second, strict=True))
    lost = sum(before and not after for before, after in zip(first, second, strict=True))
    if gained <= lost:
        return False
    return bool(binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue < CHANCE)


def counted(hits: Sequence[bool]) -> str:
    return f"{sum(hits)} of {len(hits)}"
