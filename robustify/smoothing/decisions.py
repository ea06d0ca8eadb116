"""What votes say once all n samples are counted: the pieces of Algorithm 1 of the paper (of Cohen et al., 2019).

`n` is the number of samples planned. A sample whose vote did not come back, or was not finite, counts against the class
that is claimed: a fault may cost radius, never truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from robustify.smoothing.statistics import certified_radius, lower_confidence_bound, two_sided_p_value
from robustify.types import Prediction, SmoothingParameters


@dataclass(frozen=True)
class OneSidedBound:
    """With probability at least 1 - alpha, p_lower <= p of the class, and the radius holds.

    `radius` is in [0, 1] pixel units, None where CERTIFY abstains.
    """

    radius: float | None
    p_lower: float


def check_votes(votes: Sequence[int], n: int) -> None:
    """More votes than samples mean that something was counted twice: no answer may be given."""
    if not votes or min(votes) < 0 or sum(votes) > n:
        raise ValueError(f"votes {list(votes)} do not fit {n} planned samples")


def select(votes: Sequence[int]) -> int:
    """The class with the most votes; of equals, the first."""
    return max(range(len(votes)), key=lambda index: votes[index])


def strongest_rival(index: int, votes: Sequence[int], samples: int) -> int:
    """The most votes that a class other than `index` may have, were all missing votes its own."""
    runner_up = max((count for other, count in enumerate(votes) if other != index), default=0)
    return runner_up + samples - sum(votes)


def decide(votes: Sequence[int], n: int, alpha: float) -> Prediction:
    """PREDICT once the votes are in: is the lead of the top class over all that could be its rival significant?

    1. Votes that cannot be are refused.
    2. The top two classes (lines 3 and 4); samples without a vote count as the runner-up's.
    3. The p-value of "both are equally likely" (line 5).
    4. The class if it is at most alpha, else abstain (lines 5 to 9).
    """
    # 1.
    check_votes(votes, n)
    # 2.
    index = select(votes)
    rival = strongest_rival(index, votes, n)
    # 3.
    p_value = two_sided_p_value(votes[index], rival)
    # 4. The test is two-sided: it must be this class that leads.
    abstains = p_value > alpha or votes[index] <= rival
    return Prediction(None if abstains else index, p_value, tuple(votes), n, alpha)


def bound_radius(
    index: int, selection_votes: Sequence[int], votes: Sequence[int], parameters: SmoothingParameters
) -> OneSidedBound:
    """CERTIFY once the votes are in.

    1. Votes that cannot be are refused.
    2. p_lower, the Clopper-Pearson bound of n samples (line 15), less what the drawn noise may miss of p.
    3. sigma * Phi^-1(p_lower) if p_lower > 1/2, else abstain (lines 16 to 20; Theorem 1 of Cohen et al.). A class that
       no selection sample voted for is not claimed.
    """
    # 1.
    check_votes(selection_votes, parameters.n0)
    check_votes(votes, parameters.n)
    # 2.
    p_lower = max(0.0, lower_confidence_bound(votes[index], parameters.n, parameters.alpha) - parameters.slack)
    # 3.
    radius = certified_radius(p_lower, parameters.sigma) if selection_votes[index] else None
    return OneSidedBound(radius, p_lower)
