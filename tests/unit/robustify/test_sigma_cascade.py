"""Certificates at several sigmas of which the largest is kept: what it may be wrong with, and which one it is."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from robustify.smoothing.cascade import largest, shared_alpha
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import Outcome, Selection, Verdict
from robustify.types import Bound, SmoothingParameters

RUNS, ALPHA = 4000, 0.05
SIGMAS = (0.25, 0.5, 1.0)


@given(st.floats(1e-12, 0.05), st.integers(1, 20))
def test_shares_of_alpha(alpha: float, sigmas: int) -> None:
    """Together they are at most alpha, as exact numbers too, and nearly all of it."""
    share = shared_alpha(alpha, sigmas)
    assert 0 < Fraction(share) * sigmas <= Fraction(alpha) * (1 + Fraction(1, 2**52))
    assert math.isclose(share * sigmas, alpha, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("radii", "kept"),
    [((None, 0.3, 0.5), 2), ((0.2, None, None), 0), ((0.4, 0.4, None), 0), ((None, None, None), None), ((), None)],
)
def test_certificate_that_is_kept(radii: tuple[float | None, ...], kept: int | None) -> None:
    """It is the one with the largest radius, and none where none certifies."""
    outcomes = [Outcome.CERTIFIED if radius is not None else Outcome.ABSTAINED for radius in radii]
    verdicts = [Verdict(outcome, radius, 0.0) for outcome, radius in zip(outcomes, radii, strict=True)]
    assert largest(verdicts) == kept


def test_largest_radius_when_all_claims_are_just_false() -> None:
    """At a true radius that lies just below what is claimed, the kept claim is false at most as often as alpha says,
    though it is the one that chance favoured most; with alpha for each it would be false more often.
    """
    rng, radius = np.random.default_rng(7), 0.25
    shares = {"shared": shared_alpha(ALPHA, len(SIGMAS)), "whole": ALPHA}
    false = dict.fromkeys(shares, 0)
    votes = {sigma: rng.binomial(1000, norm.cdf(radius / sigma), RUNS) for sigma in SIGMAS}
    for name, alpha in shares.items():
        rules = {
            sigma: certify_rule(SmoothingParameters(sigma, 100, 1000, alpha), Bound.CLOPPER_PEARSON) for sigma in SIGMAS
        }
        for run in range(RUNS):
            verdicts = [
                rule.verdict(Selection(0, (100, 0), 100), Tally(1000, (int(votes[sigma][run]), 0)))
                for sigma, rule in rules.items()
            ]
            kept = largest(verdicts)
            false[name] += kept is not None and (verdicts[kept].radius or 0.0) > radius
    assert false["shared"] <= ALPHA * RUNS + 3 * math.sqrt(ALPHA * RUNS)
    assert false["whole"] > ALPHA * RUNS + 3 * math.sqrt(ALPHA * RUNS)
