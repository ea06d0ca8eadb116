"""The false rate of every claim, by simulation: votes of known probabilities, some lost in the way that hurts most.

Each simulated client asks for many certificates of one image whose truth lies at the edge of the claim. A claim is
false where it says more than the truth; it may be so often as alpha, and the test allows the 99.9 % quantile of that
many. That shards are counted once, in order, and alike after cancel and resubmit is shown by the tests of the queue.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, norm

from robustify.smoothing.algorithms import certify, predict
from robustify.smoothing.anytime import radius_in_sight
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.decisions import bound_radius, decide
from robustify.smoothing.looks import Looks
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.rules import CertifyRule, Outcome, Verdict
from robustify.types import Bound, PredictTest, SmoothingParameters

ALPHA, SIGMA, N, STEP = 0.02, 0.5, 300, 50
LOOKS, SELECTION_LOOKS = Looks(25, 100, STEP), Looks(5)
PARAMETERS = SmoothingParameters(SIGMA, n0=10, n=N, alpha=ALPHA)
CERTIFICATES = 1500
ALLOWED = int(binom.ppf(0.999, CERTIFICATES, ALPHA))
LOST = -1
SHARES = (0.6, 0.3, 0.1)
CLOSE_SHARES = (0.45, 0.3, 0.25)
"""No class has half of the votes: only its lead can be certified."""

Claim = Callable[[np.ndarray], bool]
"""Whether the claim made of the votes (N,), in their order, is false."""


def true_radius(shares: tuple[float, ...]) -> float:
    """Of the first class (Cohen et al., 2019, Theorem 1)."""
    return float(SIGMA / 2 * (norm.ppf(shares[0]) - norm.ppf(max(shares[1:]))))


def radius_of_the_class_alone(share: float) -> float:
    return float(SIGMA * norm.ppf(share))


def tally_of(votes: np.ndarray) -> list[int]:
    counts: list[int] = np.bincount(votes[votes != LOST], minlength=3).tolist()
    return counts


def verdict_of(rule: CertifyRule, votes: np.ndarray) -> Verdict:
    """The first class is chosen, as soon as the rule allows."""
    selected, estimated = lambda _, count: [count, 0, 0], lambda first, count: tally_of(votes[first : first + count])
    return certify(rule, selected, estimated).verdict


def exceeds(rule: CertifyRule, radius: float) -> Claim:
    return lambda votes: (verdict_of(rule, votes).radius or 0.0) > radius


def wrong_about_target(radius: float, wrong: Outcome) -> Claim:
    rule = certify_rule(PARAMETERS, Bound.ANYTIME, target_radius=radius, looks=LOOKS, selection_looks=SELECTION_LOOKS)
    return lambda votes: verdict_of(rule, votes).outcome is wrong


def exceeds_at_the_best_moment(votes: np.ndarray) -> bool:
    """A client that watches, and stops when the radius is largest."""
    so_far = np.cumsum((votes == 0).reshape(-1, STEP).sum(axis=1)).tolist()
    return max(radius_after(STEP * look, count) for look, count in enumerate(so_far, start=1)) > (
        radius_of_the_class_alone(SHARES[0])
    )


@cache
def radius_after(samples: int, votes: int) -> float:
    return radius_in_sight(votes, samples, N, SIGMA, ALPHA).radius or 0.0


def wrong_early_answer(votes: np.ndarray) -> bool:
    rule = predict_rule(PredictTest.SEQUENTIAL, N, ALPHA, Looks(STEP))
    prediction = predict(rule, lambda first, count: tally_of(votes[first : first + count]))
    return prediction.index not in (None, 0)


def wrong_answer(votes: np.ndarray) -> bool:
    return decide(tally_of(votes), N, ALPHA).index not in (None, 0)


CLAIMS: dict[str, tuple[tuple[float, ...], Claim]] = {
    "fixed": (SHARES, exceeds(certify_rule(PARAMETERS), radius_of_the_class_alone(SHARES[0]))),
    "multi-class, a leader with most votes": (
        SHARES,
        exceeds(certify_rule(PARAMETERS, Bound.MULTICLASS, selection_looks=SELECTION_LOOKS), true_radius(SHARES)),
    ),
    "multi-class, a leader with less than half": (
        CLOSE_SHARES,
        exceeds(certify_rule(PARAMETERS, Bound.MULTICLASS), true_radius(CLOSE_SHARES)),
    ),
    "certified at a target just out of reach": (
        SHARES,
        wrong_about_target(radius_of_the_class_alone(SHARES[0]) + 1e-6, Outcome.CERTIFIED),
    ),
    "within a tolerance": (
        SHARES,
        exceeds(
            certify_rule(PARAMETERS, Bound.ANYTIME, tolerance=0.05, looks=LOOKS, selection_looks=SELECTION_LOOKS),
            radius_of_the_class_alone(SHARES[0]),
        ),
    ),
    "any time": (SHARES, exceeds_at_the_best_moment),
    "sequential PREDICT of two equals": ((0.5 + 1e-9, 0.5 - 1e-9, 0.0), wrong_early_answer),
    "sequential PREDICT of three equals": ((1 / 3 + 2e-9, 1 / 3 - 1e-9, 1 / 3 - 1e-9), wrong_early_answer),
    "PREDICT of two equals": ((0.5 + 1e-9, 0.5 - 1e-9, 0.0), wrong_answer),
}


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0.0, 0.1])
@pytest.mark.parametrize("name", CLAIMS)
def test_false_rate_when_the_truth_is_at_the_edge(name: str, lost: float) -> None:
    """No claim is false more often than alpha, also when votes against it, and no others, get lost."""
    shares, is_false = CLAIMS[name]
    rng = np.random.default_rng(2024)
    votes = rng.choice(len(shares), size=(CERTIFICATES, N), p=shares)
    votes[(votes != 0) & (rng.random(votes.shape) < lost)] = LOST

    assert sum(is_false(one) for one in votes) <= ALLOWED


def test_false_rate_when_a_target_in_reach_is_rejected() -> None:
    """ "Not certified" is a claim too: false no more often than alpha, also when votes for the class get lost."""
    is_false = wrong_about_target(radius_of_the_class_alone(SHARES[0]) - 1e-6, Outcome.NOT_CERTIFIED)
    rng = np.random.default_rng(2024)
    votes = rng.choice(len(SHARES), size=(CERTIFICATES, N), p=SHARES)
    votes[(votes == 0) & (rng.random(votes.shape) < 0.1)] = LOST

    assert sum(is_false(one) for one in votes) <= ALLOWED


@pytest.mark.slow
def test_simulation_when_a_bound_is_unsound() -> None:
    """It finds a fixed bound that is looked at again and again, and one that leaves out what was lost."""
    rng = np.random.default_rng(2024)
    votes = rng.choice(len(SHARES), size=(CERTIFICATES, N), p=SHARES)

    def best_of_all_looks(one: np.ndarray) -> bool:
        looks = range(STEP, N + 1, STEP)
        found = [
            bound_radius(0, (10, 0, 0), tally_of(one[:look]), SmoothingParameters(SIGMA, 10, look, ALPHA))
            for look in looks
        ]
        return max(bound.radius or 0.0 for bound in found) > radius_of_the_class_alone(SHARES[0])

    def without_the_lost(one: np.ndarray) -> bool:
        kept = one[(one == 0) | (np.arange(N) % 10 != 0)]
        parameters = SmoothingParameters(SIGMA, 10, len(kept), ALPHA)
        radius = bound_radius(0, (10, 0, 0), tally_of(kept), parameters).radius
        return radius is not None and radius > radius_of_the_class_alone(SHARES[0])

    assert sum(map(best_of_all_looks, votes)) > ALLOWED
    assert sum(map(without_the_lost, votes)) > ALLOWED
