"""Whether a difference between two methods on the same images is more than chance: pure functions of paired values."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.stats import binomtest, bootstrap

CONFIDENCE = 0.95
RESAMPLES = 9999
SEED = 0
BATCH_NUMBERS = 10_000_000
"""So many at once: 50,000 images times all resamples would take gigabytes."""


class Difference(BaseModel):
    """The mean over the images with its interval; `p_value` is None where no single test has one."""

    model_config = ConfigDict(frozen=True)

    mean: float
    low: float
    high: float
    p_value: float | None
    images: int


def difference_of_means(differences: Sequence[float], resamples: int = RESAMPLES) -> Difference:
    """With a 95 % percentile bootstrap interval over the images, the same whenever it is asked for.

    With probability about .95 the interval holds the mean difference of the population that the images are drawn from.
    """
    values = np.asarray(differences, dtype=np.float64)
    low, high = interval(values, resamples)
    return Difference(mean=float(values.mean()), low=low, high=high, p_value=None, images=len(values))


def interval(values: np.ndarray, resamples: int) -> tuple[float, float]:
    """Of one value, or of values that are all the same, that value: there is nothing to resample."""
    if len(values) < 2 or bool((values == values[0]).all()):
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, BATCH_NUMBERS // len(values)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(found.low), float(found.high)


def difference_of_shares(base: Sequence[bool], other: Sequence[bool], resamples: int = RESAMPLES) -> Difference:
    """Of two methods that are each right or wrong on every image, with McNemar's exact two-sided p-value."""
    gains = [float(after) - float(before) for before, after in zip(base, other, strict=True)]
    return difference_of_means(gains, resamples).model_copy(update={"p_value": mcnemar(base, other)})


def mcnemar(base: Sequence[bool], other: Sequence[bool]) -> float:
    """The probability of images that only one of them has right being split so unevenly, or more so, by chance."""
    gained = sum(after and not before for before, after in zip(base, other, strict=True))
    lost = sum(before and not after for before, after in zip(base, other, strict=True))
    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0
