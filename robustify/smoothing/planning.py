"""What a certificate costs, before it is asked for: samples as a function of radius, sigma, alpha and p.

The selection samples come on top (`forecast_selection`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import binom

from robustify.smoothing.anytime import TargetTest, fewest_at_last_look, fewest_votes
from robustify.smoothing.looks import Looks
from robustify.smoothing.selection import is_clear
from robustify.smoothing.statistics import largest_radius, required_probability

MOST_SAMPLES = 10**9
NEGLIGIBLE = 1e-15
"""Of the chance of a course of votes: what is left out of a mean."""


def fewest_fixed_samples(radius: float, sigma: float, alpha: float) -> int | None:
    """The n below which not even unanimous votes certify the radius; about ln(alpha) / ln(Phi(radius / sigma)).

    None where `MOST_SAMPLES` would not do either.
    """
    return fewest(lambda n: (largest_radius(n, alpha, sigma) or 0.0) >= radius)


def fewest_anytime_samples(radius: float, sigma: float, alpha: float) -> int | None:
    """The cap below which not even unanimous votes certify the target radius; None where `MOST_SAMPLES` would not do.

    With a larger cap unanimous votes certify it after so many samples too, or at the next look.
    """
    try:
        p0 = required_probability(radius, sigma)
    except ValueError:
        return None
    return fewest_samples_to_exceed(p0, alpha)


@lru_cache(maxsize=1024)
def fewest_samples_to_exceed(p0: float, alpha: float) -> int | None:
    """The cap below which not even unanimous votes show, at any look, that p is more than p0; None likewise."""
    return fewest(lambda cap: bool(fewest_votes(p0, alpha, np.array([cap]))[0] <= cap))


def fewest(is_enough: Callable[[int], bool]) -> int | None:
    """The least number that is enough, where every larger one is too; None above `MOST_SAMPLES`."""
    enough = 1
    while not is_enough(enough):
        enough *= 2
        if enough > MOST_SAMPLES:
            return None
    short = enough // 2
    while enough - short > 1:
        middle = (enough + short) // 2
        enough, short = (middle, short) if is_enough(middle) else (enough, middle)
    return enough


def chance_of_fixed(radius: float, sigma: float, alpha: float, n: int, p: float) -> float:
    """How likely CERTIFY of n samples, looked at once, certifies the radius for a class of probability p.

    ValueError where the radius has no p0 (`required_probability`).
    """
    votes = fewest_at_last_look(required_probability(radius, sigma), alpha, n)
    return float(binom.sf(votes - 1, n, p))


@dataclass(frozen=True)
class Forecast:
    """How a target test ends for a class of known probability: the mean of its samples, and how likely each end is."""

    samples: float
    certified: float
    not_certified: float
    undecided: float


def forecast(test: TargetTest, p: float) -> Forecast:
    """Exact but for float64, by following the distribution of the votes that leave the test open from look to look."""
    chances, fewest, before = np.ones(1), 0, 0
    samples, ends = 0.0, np.zeros(3)
    for number, look in enumerate(test.looks.tolist()):
        chances = np.convolve(chances, chances_of_votes(look - before, p))
        ending = endings(test, number, fewest + np.arange(len(chances)))
        ended = (ending * chances).sum(axis=1)
        samples, ends = samples + look * ended.sum(), ends + ended
        still_open = np.flatnonzero(~ending.any(axis=0))
        if not len(still_open):
            break
        chances = np.where(ending.any(axis=0), 0.0, chances)[still_open[0] : still_open[-1] + 1]
        fewest, before = fewest + still_open[0], look
    return Forecast(float(samples), *(float(end) for end in ends))


@lru_cache(maxsize=64)
def chances_of_votes(samples: int, p: float) -> np.ndarray:
    """(samples + 1,) how likely so many votes are: the same from most looks to the next, and dear to compute."""
    chances: np.ndarray = binom.pmf(np.arange(samples + 1), samples, p)
    chances.setflags(write=False)
    return chances


def endings(test: TargetTest, number: int, votes: np.ndarray) -> np.ndarray:
    """(3, V) whether so many votes (V,), none missing, end the test at its look of this number: certified, not
    certified, undecided."""
    certified = votes >= test.certify_from[number]
    rejected = votes <= test.reject_up_to[number]
    lost = test.looks[number] - votes > test.losses_allowed
    hopeless = (votes < test.hope_from[number]) & (votes > test.rejection_near_up_to[number])
    return np.stack([certified, rejected, (lost | hopeless) & ~certified & ~rejected])


def forecast_selection(n0: int, looks: Looks, p: float) -> float:
    """The mean of the selection samples where all votes that are not for a class of probability p are for one rival.

    With several rivals, or where no class can have what is aimed at, it ends sooner (`selection.ClearLeader`).
    """
    chances, votes, before, samples = np.ones(1), np.zeros(1, dtype=int), 0, 0.0
    for look in looks.ends(n0):
        chances = np.convolve(chances, chances_of_votes(look - before, p))
        votes = votes[0] + np.arange(len(chances))
        settled = is_clear(np.maximum(votes, look - votes), np.minimum(votes, look - votes)) | (look == n0)
        samples, before = samples + look * chances[settled].sum(), look
        chances = np.where(settled, 0.0, chances)
        likely = np.flatnonzero(chances > NEGLIGIBLE)
        if not len(likely):
            break
        chances, votes = chances[likely[0] : likely[-1] + 1], votes[likely[0] : likely[-1] + 1]
    return float(samples)
