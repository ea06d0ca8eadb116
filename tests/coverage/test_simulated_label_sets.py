"""The false rate of a certificate of many label sets, by simulation: any claim of twenty that depend on each other.

The truth of every set lies at the edge of its claim, and somebody looks for a false one among all. Votes of the sets
come from the same samples: independent of each other, half dependent, or all alike. alpha is so large that the rate can
be seen, and seen to come close.
"""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, norm

from robustify.smoothing.label_sets import label_sets_rule
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import Selection
from robustify.types import Bound, SmoothingParameters

SETS, RUNS, N, SIGMA, ALPHA = 20, 3000, 400, 0.5, 0.2
SHARE = 0.6
"""The probability of the class in every set; its only rival has the rest."""
TRUE_RADIUS = float(SIGMA * norm.ppf(SHARE))
SIZES = (2,) * SETS
ALLOWED = int(binom.ppf(0.999, RUNS, ALPHA))
BOUNDS = [Bound.CLOPPER_PEARSON, Bound.MULTICLASS]
FEW_RUNS = 300
CLOSE_SHARES = (0.45, 0.3, 0.25)
"""No class has half of the votes: only its lead can be certified."""
LEAD = float(SIGMA / 2 * (norm.ppf(CLOSE_SHARES[0]) - norm.ppf(CLOSE_SHARES[1])))


@cache
def false_from(bound: Bound, sets: int) -> int:
    """The fewest votes of the class with which the claim of a set, one of so many that share alpha, is false."""
    rule = label_sets_rule(SmoothingParameters(SIGMA, 100, N, ALPHA), (2,) * sets, bound)
    selections = (Selection(0, (100, 0), 100),) * sets

    def is_false(votes: int) -> bool:
        verdicts = rule.verdicts(selections, Tally(N, (votes, N - votes) * sets))
        return any((verdict.radius or 0.0) > TRUE_RADIUS for verdict in verdicts)

    return next(votes for votes in range(N + 1) if is_false(votes))


@cache
def votes_for_the_class(dependence: float, lost: float) -> np.ndarray:
    """(RUNS, SETS): each sample votes in every set by one normal number, part of which all sets share."""
    rng = np.random.default_rng(2025)
    found = np.empty((RUNS, SETS), dtype=int)
    for run in range(RUNS):
        shared, own = rng.standard_normal((N, 1)), rng.standard_normal((N, SETS))
        latent = np.sqrt(dependence) * shared + np.sqrt(1 - dependence) * own
        is_lost = rng.random((N, 1)) < lost
        found[run] = ((latent < norm.ppf(SHARE)) & ~is_lost).sum(axis=0)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0.0, 0.02])
@pytest.mark.parametrize("dependence", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("bound", BOUNDS)
def test_false_rate_of_any_claim_in_twenty_sets(bound: Bound, dependence: float, lost: float) -> None:
    """It is at most alpha, whatever the sets have to do with each other, and when samples get lost."""
    is_false = votes_for_the_class(dependence, lost) >= false_from(bound, SETS)

    assert is_false.any(axis=1).sum() <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("dependence", [0.0, 0.5])
def test_false_rate_when_no_class_has_half_of_the_votes(dependence: float) -> None:
    """Rivals have bounds of their own in every set, and the rate is at most alpha all the same."""
    rng = np.random.default_rng(2025)
    rule = label_sets_rule(SmoothingParameters(SIGMA, 100, N, ALPHA), (3,) * SETS, Bound.MULTICLASS)
    selections = (Selection(0, (100, 0, 0), 100),) * SETS
    ends = norm.ppf(np.cumsum(CLOSE_SHARES[:2]))

    def is_any_false() -> bool:
        shared, own = rng.standard_normal((N, 1)), rng.standard_normal((N, SETS))
        classes = np.digitize(np.sqrt(dependence) * shared + np.sqrt(1 - dependence) * own, ends)
        votes = [int(count) for of_set in classes.T for count in np.bincount(of_set, minlength=3)]
        return any((verdict.radius or 0.0) > LEAD for verdict in rule.verdicts(selections, Tally(N, tuple(votes))))

    assert sum(is_any_false() for _ in range(FEW_RUNS)) <= binom.ppf(0.999, FEW_RUNS, ALPHA)


@pytest.mark.slow
def test_false_rate_when_alpha_is_not_shared() -> None:
    """It is far above alpha then: the simulation sees what sharing is for."""
    is_false = votes_for_the_class(dependence=0.0, lost=0.0) >= false_from(Bound.CLOPPER_PEARSON, 1)

    assert is_false.any(axis=1).sum() > 3 * ALLOWED


@pytest.mark.slow
def test_false_rate_when_the_sets_are_independent() -> None:
    """It comes close to alpha: the union bound gives little away, and the test could fail."""
    is_false = votes_for_the_class(dependence=0.0, lost=0.0) >= false_from(Bound.CLOPPER_PEARSON, SETS)

    assert is_false.any(axis=1).sum() > ALPHA * RUNS / 2
