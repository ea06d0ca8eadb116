"""The false rate of a certificate at several sigmas, by simulation: of the claim that is picked for its large radius.

The truth at every sigma lies at the edge of its claim: the hardest case for whoever takes the largest radius. alpha is
so large that the rate can be seen, and seen to come close.
"""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, norm

from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import Selection
from robustify.smoothing.sigmas import answering, sigmas_rule
from robustify.types import Bound, SmoothingParameters

RUNS, N, ALPHA = 4000, 400, 0.2
SIGMAS = (0.12, 0.25, 0.37, 0.5, 0.75, 1.0)
TRUE_RADIUS = 0.3
"""At every sigma: so that the largest radius that is found is the one that is most likely false."""
SHARES = norm.cdf(TRUE_RADIUS / np.array(SIGMAS))
ALLOWED = int(binom.ppf(0.999, RUNS, ALPHA))
BOUNDS = [Bound.CLOPPER_PEARSON, Bound.MULTICLASS]


@cache
def radii(bound: Bound, place: int, claims: int) -> np.ndarray:
    """(N + 1,): the radius of each number of votes at a sigma whose claim is one of so many; 0 where there is none."""
    rule = certify_rule(SmoothingParameters(SIGMAS[place], 100, N, shared_alpha(ALPHA, claims)), bound)
    selection = Selection(0, (100, 0), 100)
    return np.array([rule.verdict(selection, Tally(N, (votes, N - votes))).radius or 0.0 for votes in range(N + 1)])


@cache
def votes_at_all_sigmas(lost: float, shares_noise: bool) -> np.ndarray:
    """(RUNS, sigmas): votes for the class."""
    rng = np.random.default_rng(2025)
    found = np.empty((RUNS, len(SIGMAS)), dtype=int)
    for run in range(RUNS):
        uniform = rng.random((N, 1)) if shares_noise else rng.random((N, len(SIGMAS)))
        kept = rng.random((N, len(SIGMAS))) >= lost
        found[run] = ((uniform < SHARES) & kept).sum(axis=0)
    return found


def picked(bound: Bound, claims: int, lost: float, shares_noise: bool) -> np.ndarray:
    """(RUNS,): the largest radius of each run."""
    votes = votes_at_all_sigmas(lost, shares_noise)
    found = np.stack([radii(bound, place, claims)[votes[:, place]] for place in range(len(SIGMAS))])
    largest: np.ndarray = found.max(axis=0)
    return largest


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0.0, 0.02])
@pytest.mark.parametrize("shares_noise", [False, True])
@pytest.mark.parametrize("bound", BOUNDS)
def test_false_rate_of_the_largest_radius(bound: Bound, shares_noise: bool, lost: float) -> None:
    """It is at most alpha: with noise of its own at each sigma, with one noise for all, and when samples get lost."""
    is_false = picked(bound, len(SIGMAS), lost, shares_noise) > TRUE_RADIUS
    assert is_false.sum() <= ALLOWED


@pytest.mark.slow
def test_false_rate_of_the_largest_radius_when_alpha_is_not_shared() -> None:
    """It is far above alpha then: the simulation sees what sharing is for. Shared, it comes close to alpha."""
    alone = picked(Bound.CLOPPER_PEARSON, 1, 0.0, False) > TRUE_RADIUS
    shared = picked(Bound.CLOPPER_PEARSON, len(SIGMAS), 0.0, False) > TRUE_RADIUS
    assert alone.sum() > 2.5 * ALLOWED
    assert shared.sum() > ALPHA * RUNS / 2


def test_radii_when_the_rule_of_all_sigmas_gives_them() -> None:
    """What is simulated above is what a certificate says: its rule has these radii, and picks the largest."""
    each = [SmoothingParameters(sigma, 100, N, ALPHA) for sigma in SIGMAS]
    rule = sigmas_rule(each, 2, Bound.CLOPPER_PEARSON)
    votes = [int(N * share) for share in SHARES]
    tally = Tally(N, tuple(count for vote in votes for count in (vote, N - vote)))
    verdicts = rule.verdicts((Selection(0, (100, 0), 100),) * len(SIGMAS), tally)
    expected = [radii(Bound.CLOPPER_PEARSON, place, len(SIGMAS))[vote] for place, vote in enumerate(votes)]
    assert [verdict.radius or 0.0 for verdict in verdicts] == expected
    assert (verdicts[answering(verdicts)].radius or 0.0) == max(expected)
