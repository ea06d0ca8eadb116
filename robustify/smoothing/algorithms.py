"""PREDICT and CERTIFY: Algorithm 1 of the paper (Cohen et al., 2019), over any function that counts votes.

`n` is the number of samples planned. A sample whose vote did not come back, or was not finite, counts against the class
that is claimed: a fault may cost radius, never truth.
"""

from collections.abc import Sequence

from robustify.counting import VoteCounter
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound, two_sided_p_value
from robustify.types import Certificate, Prediction, SmoothingParameters


def predict(count_votes: VoteCounter, n: int, alpha: float) -> Prediction:
    """The class that the smoothed classifier returns, or abstain; wrong with probability at most alpha."""
    return decide(count_votes(0, n), n, alpha)


def certify(
    count_selection_votes: VoteCounter, count_estimation_votes: VoteCounter, parameters: SmoothingParameters
) -> Certificate:
    """A class and a radius within which it does not change, or abstain; wrong with probability at most alpha."""
    selection_votes = count_selection_votes(0, parameters.n0)
    index = select(selection_votes)
    votes = count_estimation_votes(0, parameters.n)
    return bound_radius(index, selection_votes, votes, parameters)


def decide(votes: Sequence[int], n: int, alpha: float) -> Prediction:
    """PREDICT once the votes are in: is the lead of the top class over all that could be its rival significant?"""
    check_votes(votes, n)
    index = select(votes)
    runner_up = max((count for other, count in enumerate(votes) if other != index), default=0)
    missing = n - sum(votes)
    p_value = two_sided_p_value(votes[index], runner_up + missing)
    abstains = p_value > alpha or votes[index] <= runner_up + missing
    return Prediction(None if abstains else index, p_value, tuple(votes), n, alpha)


def select(votes: Sequence[int]) -> int:
    """The class with the most votes; of equals, the first."""
    return max(range(len(votes)), key=lambda index: votes[index])


def bound_radius(
    index: int, selection_votes: Sequence[int], votes: Sequence[int], parameters: SmoothingParameters
) -> Certificate:
    """CERTIFY once the votes are in; a class that no selection sample voted for is not claimed."""
    check_votes(selection_votes, parameters.n0)
    check_votes(votes, parameters.n)
    p_lower = max(0.0, lower_confidence_bound(votes[index], parameters.n, parameters.alpha) - parameters.slack)
    radius = certified_radius(p_lower, parameters.sigma) if selection_votes[index] else None
    return Certificate(index, radius, p_lower, tuple(selection_votes), tuple(votes), parameters)


def check_votes(votes: Sequence[int], n: int) -> None:
    """More votes than samples mean that something was counted twice: no answer may be given."""
    if not votes or min(votes) < 0 or sum(votes) > n:
        raise ValueError(f"votes {list(votes)} do not fit {n} planned samples")
