"""What a certificate costs, before it is asked for: samples as a function of radius, sigma, alpha and p.

The selection samples come on top.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import binom

from robustify.smoothing.anytime import TargetTest, fewest_at_last_look, fewest_votes
from robustify.smoothing.statistics import largest_radius, required_probability

MOST_SAMPLES = 10**9


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
    chances, votes, before = np.ones(1), np.zeros(1, dtype=int), 0
    samples, ends = 0.0, np.zeros(3)
    for number, look in enumerate(test.looks):
        chances = np.convolve(chances, binom.pmf(np.arange(look - before + 1), look - before, p))
        votes = votes[0] + np.arange(len(chances))
        ending = endings(test, number, votes)
        ended = (ending * chances).sum(axis=1)
        samples, ends = samples + look * ended.sum(), ends + ended
        still_open = ~ending.any(axis=0)
        if not still_open.any():
            break
        chances, votes, before = chances[still_open], votes[still_open], look
    return Forecast(float(samples), *(float(end) for end in ends))


def endings(test: TargetTest, number: int, votes: np.ndarray) -> np.ndarray:
    """(3, V) whether so many votes (V,), none missing, end the test at its look of this number: certified, not
    certified, undecided. What is still open is one range of votes."""
    certified = votes >= test.certify_from[number]
    rejected = votes <= test.reject_up_to[number]
    lost = test.looks[number] - votes > test.losses_allowed
    return np.stack([certified, rejected, lost & ~certified & ~rejected])
