"""CERTIFY under each rule: where it stops, and what it says."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import certify, first_settling_look
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.decisions import bound_radius
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.multiclass import bound_two_sided
from robustify.smoothing.rules import ForClass, Outcome, Selection
from robustify.smoothing.statistics import certified_radius
from robustify.types import Bound, SmoothingParameters

PARAMETERS = SmoothingParameters(sigma=0.25, n0=100, n=2000, alpha=0.001)
CHOSEN = Selection(0, (100, 0, 0), 100)
NOBODY = Selection(0, (0, 0, 0), 100)
LOOKS = Looks(50)


def votes_with(p: float, seed: int = 0, missing: float = 0.0) -> VoteCounter:
    """Votes for the first of three classes with probability p, else for the last; some are missing."""
    draws, lost = np.random.default_rng(seed).random((2, PARAMETERS.n))

    def count(first: int, count: int) -> Sequence[int]:
        drawn = draws[first : first + count][lost[first : first + count] >= missing]
        return [int((drawn < p).sum()), 0, int((drawn >= p).sum())]

    return count


def certified(p: float, **method: Any) -> tuple[Tally, Outcome, float | None]:
    rule = certify_rule(PARAMETERS, **method)
    found = certify(rule, lambda first, count: [count, 0, 0], votes_with(p))
    return found.tally, found.verdict.outcome, found.verdict.radius


@pytest.mark.parametrize("bound", [Bound.CLOPPER_PEARSON, Bound.MULTICLASS])
def test_all_samples_when_a_bound_is_chosen(bound: Bound) -> None:
    """It is that bound's radius, of n samples, and no better one."""
    tally, outcome, radius = certified(0.9, bound=bound)

    cohen = bound_radius(0, CHOSEN.votes, tally.votes, PARAMETERS).radius
    two_sided = bound_two_sided(0, CHOSEN.votes, tally.votes, PARAMETERS).radius
    assert (tally.samples, outcome) == (2000, Outcome.CERTIFIED)
    assert radius == (cohen if bound is Bound.CLOPPER_PEARSON else two_sided)
    assert cohen != two_sided


@pytest.mark.parametrize(
    ("p", "outcome", "most"),
    [(0.99, Outcome.CERTIFIED, 100), (0.5, Outcome.NOT_CERTIFIED, 100), (0.93, Outcome.CERTIFIED, 500)],
)
def test_target_radius_when_the_answer_is_clear(p: float, outcome: Outcome, most: int) -> None:
    """It ends long before n; a certified radius is the target, bit for bit."""
    tally, found, radius = certified(p, bound=Bound.ANYTIME, target_radius=0.25, looks=LOOKS)

    assert (found, radius) == (outcome, 0.25 if outcome is Outcome.CERTIFIED else None)
    assert tally.samples <= most


def test_target_radius_when_p_is_what_it_needs() -> None:
    """It ends undecided, before n: neither claim is likely to come."""
    tally, outcome, radius = certified(float(norm.cdf(1)), bound=Bound.ANYTIME, target_radius=0.25, looks=LOOKS)

    assert (outcome, radius) == (Outcome.UNDECIDED, None)
    assert tally.samples < 2000


def test_target_radius_when_it_is_certified() -> None:
    """The lower bound that is told is the probability that the radius needs, and gives it back."""
    rule = certify_rule(PARAMETERS, Bound.ANYTIME, target_radius=0.25, looks=LOOKS)
    verdict = rule.verdict(CHOSEN, Tally(50, (50, 0, 0)))

    assert verdict.radius == 0.25
    assert (certified_radius(verdict.p_lower, 0.25) or 0.0) >= 0.25
    assert verdict.p_lower == pytest.approx(norm.cdf(1), rel=1e-6)


@pytest.mark.slow
def test_tolerance_when_it_is_wide() -> None:
    """Few samples are enough for a wide one, more for a narrow one; the radius is within it of what n would give."""
    wide, narrow = (certified(0.9, bound=Bound.ANYTIME, tolerance=size, looks=LOOKS) for size in (0.2, 0.08))
    _, _, whole = certified(0.9, bound=Bound.ANYTIME, tolerance=1e-6, looks=LOOKS)

    assert wide[0].samples < narrow[0].samples < 2000
    assert wide[1] is narrow[1] is Outcome.CERTIFIED
    assert whole is not None
    for size, (_, _, radius) in ((0.2, wide), (0.08, narrow)):
        assert radius is not None
        assert radius >= whole - size


def test_tolerance_when_the_class_loses() -> None:
    """It abstains as soon as no radius is in sight."""
    tally, outcome, radius = certified(0.3, bound=Bound.ANYTIME, tolerance=0.05, looks=LOOKS)

    assert (outcome, radius) == (Outcome.ABSTAINED, None)
    assert tally.samples <= 200


@pytest.mark.parametrize("aim", [{"target_radius": 0.25}, {"tolerance": 0.1}])
def test_aim_when_votes_are_missing(aim: dict[str, Any]) -> None:
    """They take from the radius, never the other way."""
    rule = certify_rule(PARAMETERS, Bound.ANYTIME, **aim, looks=LOOKS)
    whole, partial = (
        certify(rule, lambda first, count: [count, 0, 0], votes_with(0.97, missing=missing)) for missing in (0.0, 0.04)
    )

    assert (whole.verdict.radius or 0.0) >= (partial.verdict.radius or 0.0)


@pytest.mark.parametrize("aim", [{"target_radius": 0.25}, {"tolerance": 0.1}])
def test_aim_when_no_selection_sample_voted(aim: dict[str, Any]) -> None:
    """No class is claimed: it ends at the first look with an abstention."""
    rule = certify_rule(PARAMETERS, Bound.ANYTIME, **aim, looks=LOOKS)
    tally = first_settling_look(ForClass(rule, NOBODY), [[50, 0, 0]])

    assert tally == Tally(50, (50, 0, 0))
    assert rule.verdict(NOBODY, tally).outcome is Outcome.ABSTAINED


@pytest.mark.parametrize("aim", [{"target_radius": 0.25}, {"tolerance": 0.1}])
def test_aim_when_votes_are_counted_twice(aim: dict[str, Any]) -> None:
    """There is no answer at all."""
    with pytest.raises(ValueError, match="fit"):
        certify_rule(PARAMETERS, Bound.ANYTIME, **aim, looks=LOOKS).verdict(CHOSEN, Tally(50, (51, 0, 0)))


@pytest.mark.parametrize(
    "method",
    [
        {"bound": Bound.ANYTIME, "looks": LOOKS},
        {"bound": Bound.ANYTIME, "target_radius": 0.25},
        {"bound": Bound.ANYTIME, "target_radius": 0.25, "tolerance": 0.1, "looks": LOOKS},
        {"bound": Bound.MULTICLASS, "target_radius": 0.25, "looks": LOOKS},
        {"bound": Bound.CLOPPER_PEARSON, "looks": LOOKS},
        {"bound": Bound.CLOPPER_PEARSON, "selection_looks": LOOKS},
    ],
)
def test_rule_when_its_parts_do_not_fit(method: dict[str, Any]) -> None:
    """A bound of fixed n is never looked at early, and an anytime one has exactly one aim."""
    with pytest.raises(ValueError, match="bound"):
        certify_rule(PARAMETERS, **method)


def test_target_radius_when_it_is_just_out_of_reach() -> None:
    """Of 400 certificates of a radius that is a trifle too large for p, alpha = 0.05 of them may be certified."""
    parameters = SmoothingParameters(sigma=0.25, n0=100, n=500, alpha=0.05)
    rule = certify_rule(parameters, Bound.ANYTIME, target_radius=0.25, looks=Looks(10))
    p = float(norm.cdf(1)) - 1e-6
    ends = [certify(rule, lambda first, count: [count, 0, 0], votes_with(p, seed)) for seed in range(400)]
    wrong = sum(found.verdict.outcome is Outcome.CERTIFIED for found in ends)

    assert 0 < wrong <= 33  # The 99.9 % quantile of Binomial(400, 0.05).
