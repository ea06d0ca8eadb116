"""The radius from two bounds: by hand, by counting all votes, and what lost votes may not do."""

import math
from collections.abc import Iterator, Sequence

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, multinomial, norm

from robustify.smoothing.decisions import bound_radius
from robustify.smoothing.multiclass import RIVALS_SHARE, bound_two_sided, radius_between, upper_bound_of_rivals
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound, upper_confidence_bound
from robustify.types import SmoothingParameters

PARAMETERS = SmoothingParameters(sigma=1.0, n0=100, n=10_000, alpha=0.001)


def all_votes(n: int, classes: int) -> Iterator[tuple[int, ...]]:
    """Every way in which n votes can fall on so many classes."""
    if classes == 1:
        yield (n,)
        return
    for first in range(n + 1):
        yield from ((first, *others) for others in all_votes(n - first, classes - 1))


def rivals_of(votes: int, runner_up: int, classes: int) -> list[int]:
    """10,000 votes: those of the class, of its runner-up, and the rest in equal parts."""
    rest, others = 10_000 - votes - runner_up, classes - 2
    return [votes, runner_up, *(rest // others for _ in range(others))]


@pytest.mark.parametrize(
    ("votes", "runner_up", "fixed", "both"),
    [(4500, 1000, None, 0.52), (6000, 1000, 0.21, 0.71), (9000, 200, 1.23, 1.58), (9700, 50, 1.80, 2.08)],
)
def test_radius_when_the_runner_up_is_weak(votes: int, runner_up: int, fixed: float | None, both: float) -> None:
    """It is far larger than CERTIFY's, which abstains below 1/2 (literature notes, finding 5)."""
    counts = rivals_of(votes, runner_up, 11)
    of_certify = bound_radius(0, [100, *[0] * 10], counts, PARAMETERS).radius
    bound = bound_two_sided(0, [100, *[0] * 10], counts, PARAMETERS)

    assert of_certify == (None if fixed is None else pytest.approx(fixed, abs=0.01))
    assert bound.radius == pytest.approx(both, abs=0.01)
    assert bound.rivals_count
    assert bound.p_upper == upper_confidence_bound(runner_up + 10_000 - sum(counts), 10_000, RIVALS_SHARE * 0.001 / 10)


@pytest.mark.parametrize("votes", [10_000, 9000, 6000])
def test_radius_when_there_are_two_classes(votes: int) -> None:
    """It is CERTIFY's for the class's part of alpha, at most 1.5 % less than with all of it."""
    counts = [votes, 10_000 - votes]
    certify = bound_radius(0, [60, 40], counts, PARAMETERS).radius
    bound = bound_two_sided(0, [60, 40], counts, PARAMETERS)
    part = lower_confidence_bound(votes, 10_000, (1 - RIVALS_SHARE) * 0.001)

    assert not bound.rivals_count
    assert bound.radius == certified_radius(part, 1.0)
    assert certify is not None
    assert 0.985 * certify < (bound.radius or 0.0) < certify


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.45, 0.44, 0.11), (0.8, 0.1, 0.1), (0.9, 0.1, 0.0)])
def test_error_when_all_votes_are_counted(shares: tuple[float, ...]) -> None:
    """Over all votes of 20 samples, the radius exceeds the true one with probability at most alpha, and so does
    either bound its probability."""
    parameters = SmoothingParameters(sigma=1.0, n0=10, n=20, alpha=0.1)
    true_radius = float(norm.ppf(shares[0]) - norm.ppf(shares[1])) / 2
    wrong_radius = wrong_bound = 0.0
    for votes in all_votes(20, 3):
        bound, chance = bound_two_sided(0, [10, 0, 0], votes, parameters), multinomial.pmf(votes, 20, shares)
        wrong_radius += chance * ((bound.radius or 0.0) > true_radius)
        wrong_bound += chance * (bound.p_lower > shares[0] or bound.p_upper < shares[1])

    assert wrong_radius <= wrong_bound <= 0.1


@pytest.mark.slow
def test_error_when_ten_classes_are_simulated() -> None:
    """Over 2,000 runs the radius exceeds the true one no more often than alpha allows, and hardly ever is none."""
    rng, runs = np.random.default_rng(7), 2000
    parameters = SmoothingParameters(sigma=1.0, n0=10, n=500, alpha=0.05)
    shares = np.array([0.4, *[0.1] * 4, *[0.04] * 5])
    true_radius = float(norm.ppf(0.4) - norm.ppf(0.1)) / 2
    counts = rng.multinomial(500, shares, runs).tolist()
    radii = [bound_two_sided(0, [10, *[0] * 9], votes, parameters).radius or 0.0 for votes in counts]

    assert sum(radius > true_radius for radius in radii) <= binom.ppf(0.9999, runs, 0.05)
    assert np.median(radii) > true_radius / 2


@given(st.lists(st.integers(0, 60), min_size=2, max_size=6), st.data())
def test_radius_when_votes_are_lost(votes: list[int], data: st.DataObject) -> None:
    """Whatever subset of the votes comes back, the radius is at most that of all of them."""
    parameters = SmoothingParameters(sigma=0.5, n0=10, n=sum(votes) + 1, alpha=0.01)
    kept = [data.draw(st.integers(0, count)) for count in votes]
    index, selection = votes.index(max(votes)), [1] * len(votes)

    whole = bound_two_sided(index, selection, votes, parameters)
    partial = bound_two_sided(index, selection, kept, parameters)

    assert (partial.radius or 0.0) <= (whole.radius or 0.0)


@given(st.integers(1, 1000), st.integers(2, 20), st.data())
def test_radius_when_it_is_compared_with_that_of_the_class_alone(n: int, classes: int, data: st.DataObject) -> None:
    """The rivals' bound never costs anything but its share of alpha."""
    first = data.draw(st.integers(0, n))
    votes = [first, n - first, *[0] * (classes - 2)]
    parameters = SmoothingParameters(sigma=0.25, n0=1, n=n, alpha=0.001)
    alone = certified_radius(lower_confidence_bound(first, n, (1 - RIVALS_SHARE) * 0.001), 0.25)

    assert (bound_two_sided(0, [1, *[0] * (classes - 1)], votes, parameters).radius or 0.0) >= (alone or 0.0)


def test_radius_when_no_selection_sample_voted_for_the_class() -> None:
    """It is not claimed."""
    assert bound_two_sided(0, [0, 0, 0], [9000, 500, 500], PARAMETERS).radius is None


@pytest.mark.parametrize("votes", [[4000, 3900, 2100], [0, 0, 0], [3000, 7000, 0]])
def test_radius_when_the_class_does_not_lead_by_enough(votes: list[int]) -> None:
    """CERTIFY abstains."""
    assert bound_two_sided(0, [40, 30, 30], votes, PARAMETERS).radius is None


@pytest.mark.parametrize(
    ("selection", "votes"), [([100, 1, 0], [1, 0, 0]), ([1, 0, 0], [9999, 2, 0]), ([1, 0, 0], [-1, 0, 0])]
)
def test_votes_when_they_do_not_fit(selection: Sequence[int], votes: Sequence[int]) -> None:
    """More votes than samples, in either phase, mean that something counted twice: no certificate."""
    with pytest.raises(ValueError, match="do not fit"):
        bound_two_sided(0, selection, votes, PARAMETERS)


def test_bound_of_rivals_when_there_are_more_of_them() -> None:
    """Each takes a part of alpha, so that all hold together."""
    few, many = ([50, 5, *[0] * more] for more in (1, 100))

    assert upper_bound_of_rivals(0, few, 55, 0.01) < upper_bound_of_rivals(0, many, 55, 0.01)
    assert upper_bound_of_rivals(0, [55], 55, 0.01) == 0


@given(st.floats(1e-9, 1 - 1e-9), st.floats(1e-9, 1 - 1e-9), st.floats(0.05, 1))
def test_radius_between_when_it_is_compared_with_exact_quantiles(p_lower: float, p_upper: float, sigma: float) -> None:
    """It is at most the radius in 30 digits, and by no more than some billionths."""
    radius = radius_between(p_lower, p_upper, sigma)
    with mpmath.workdps(30):
        exact = mpmath.mpf(sigma) / 2 * (quantile(p_lower) - quantile(p_upper))

        assert radius is None or 0 < radius <= exact
        assert radius is not None or exact < 1e-7


def quantile(p: float) -> mpmath.mpf:
    return mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1)


@pytest.mark.parametrize(("p_lower", "p_upper"), [(0.5, 0.5), (0.0, 0.1), (0.9, 0.0), (math.nan, 0.1), (0.9, math.nan)])
def test_radius_between_when_there_is_none(p_lower: float, p_upper: float) -> None:
    """No lead, NaN, and anything outside (0, 1) never certify."""
    assert radius_between(p_lower, p_upper, 0.25) is None
