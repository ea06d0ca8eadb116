"""What other numbers of samples would certify, judged by the votes of a few.

Nothing here is certified: it is what to expect. A picture's votes leave its probability open; with Jeffreys' prior the
votes of n new samples follow a beta-binomial distribution, which allows for that.
"""

from functools import lru_cache

from scipy.stats import betabinom

from robustify.smoothing.anytime import fewest_at_last_look
from robustify.smoothing.planning import fewest_anytime_samples
from robustify.smoothing.statistics import required_probability
from workers.evaluation.advice.figures import ProtectedFigures, RightVotes, Wishes

JEFFREYS = 0.5


def expected_certified(found: ProtectedFigures, radius: float, alpha: float, n: int) -> float:
    """How many of the pictures n samples are expected to certify rightly for the radius."""
    return sum(chance_of_radius(votes, radius, found.sigma, alpha, n) for votes in found.votes)


def chance_of_radius(found: RightVotes, radius: float, sigma: float, alpha: float, n: int) -> float:
    """How likely n new samples of the picture certify the radius; 0 where no votes could."""
    needed = votes_needed(radius, sigma, alpha, n)
    if needed > n:
        return 0.0
    lost = found.samples - found.votes
    return float(betabinom.sf(needed - 1, n, found.votes + JEFFREYS, lost + JEFFREYS))


def likely_probability(found: RightVotes) -> float:
    """The mean of what the probability of the class may be."""
    return (found.votes + JEFFREYS) / (found.samples + 2 * JEFFREYS)


@lru_cache(maxsize=1024)
def votes_needed(radius: float, sigma: float, alpha: float, n: int) -> int:
    """The fewest of n votes that certify the radius; more than n where none do."""
    try:
        return fewest_at_last_look(required_probability(radius, sigma), alpha, n)
    except ValueError:
        return n + 1


def samples_in_reach(found: ProtectedFigures, radius: float, wishes: Wishes, ladder: tuple[int, ...]) -> list[int]:
    """The numbers of samples of the ladder with which the radius can be certified at all, in the seconds there are."""
    fewest = fewest_anytime_samples(radius, found.sigma, wishes.alpha)
    if fewest is None:
        return []
    return [n for n in ladder if n >= fewest and is_in_time(found, n, wishes)]


def is_in_time(found: ProtectedFigures, n: int, wishes: Wishes) -> bool:
    """Whether a certificate that takes all its samples is done in the seconds that a picture may take."""
    most = wishes.seconds_per_picture
    return most is None or (wishes.n0 + n) / found.samples_per_second <= most
