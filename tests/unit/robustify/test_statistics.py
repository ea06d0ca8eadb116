import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from robustify.smoothing.statistics import (
    certified_radius,
    fewest_samples_to_certify,
    fewest_samples_to_predict,
    largest_radius,
    lower_confidence_bound,
    required_probability,
    rounded_down,
    source_radius,
    two_sided_p_value,
    upper_confidence_bound,
)
from robustify.types import Noise


def exact_tail(successes: int, trials: int, p: float) -> mpmath.mpf:
    """P(X >= successes): the first term to 30 digits, times a sum of positive terms, whose rounding is 1e-12 at most,
    rounded up."""
    with mpmath.workdps(30):
        first = mpmath.binomial(trials, successes) * mpmath.mpf(p) ** successes
        first *= (1 - mpmath.mpf(p)) ** (trials - successes)
        counts = np.arange(successes, trials)
        ratios = (trials - counts) / (counts + 1) * (p / (1 - p))
        return first * (1 + float(np.cumprod(ratios).sum())) * (1 + mpmath.mpf("1e-12"))


@given(st.integers(1, 20_000), st.floats(0, 1), st.floats(1e-9, 0.1))
def test_bound_of_any_count_is_checked_against_the_tail(trials: int, share: float, alpha: float) -> None:
    """At the bound, seeing so many successes or more is at most as likely as alpha."""
    successes = round(share * trials)
    bound = lower_confidence_bound(successes, trials, alpha)

    assert 0 <= bound < 1
    assert binom.sf(successes - 1, trials, bound) <= alpha or bound == 0


@pytest.mark.parametrize(("successes", "trials"), [(7, 9), (1, 4), (12, 12), (30, 40)])
def test_bound_of_small_counts_agrees_with_exact_arithmetic(successes: int, trials: int) -> None:
    """The tail at the bound, in rational numbers, is alpha from below and by no more than a millionth."""
    alpha = Fraction(1, 1000)
    p = Fraction(lower_confidence_bound(successes, trials, float(alpha)))
    tail = sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))

    assert alpha * (1 - Fraction(1, 10**6)) <= tail <= alpha


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_bounds_and_printed_radii_of_random_counts_are_at_most_the_exact_ones(seed: int) -> None:
    """For 2,000 (k, n, alpha) the tail at the bound is at most alpha, and Phi at the printed radius at most the bound,
    both in 30 digits."""
    rng = np.random.default_rng(seed)
    for _ in range(2000):
        trials = int(10 ** rng.uniform(0, 5))
        successes = min(trials, int(np.ceil(trials * rng.uniform(0.3, 1.02))))
        alpha, sigma = 10 ** rng.uniform(-12, -1.3), rng.uniform(0.05, 1)
        bound = lower_confidence_bound(successes, trials, alpha)
        radius = certified_radius(bound, sigma)

        assert exact_tail(successes, trials, bound) <= alpha
        if radius is not None:
            assert mpmath.ncdf(mpmath.mpf(rounded_down(radius)) / mpmath.mpf(sigma)) <= bound


def test_upper_bound_of_small_counts_agrees_with_exact_arithmetic() -> None:
    """The tail P(X <= 2) at the bound, in rational numbers, is alpha from below and by no more than a millionth."""
    alpha, trials = Fraction(1, 1000), 9
    p = Fraction(upper_confidence_bound(2, trials, float(alpha)))
    tail = sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(3))

    assert alpha * (1 - Fraction(1, 10**6)) <= tail <= alpha


def test_upper_bound_of_unanimous_votes_is_one() -> None:
    """Nothing but successes bounds nothing from above."""
    assert upper_confidence_bound(20, 20, 0.001) == 1


@given(st.floats(1e-4, 4), st.floats(0.05, 1))
def test_required_probability_gives_the_radius_and_hardly_more(radius: float, sigma: float) -> None:
    """sigma times its exact quantile is at least the radius, and a millionth less of it is too little."""
    hypothetical = min(radius, 5 * sigma)
    p0 = required_probability(hypothetical, sigma)

    assert mpmath.ncdf(mpmath.mpf(hypothetical) / mpmath.mpf(sigma)) <= p0
    assert certified_radius(p0, sigma) == pytest.approx(hypothetical, rel=1e-6)


@pytest.mark.parametrize(("radius", "sigma"), [(0, 1), (-1, 1), (math.nan, 1), (math.inf, 1), (1, 0), (1, math.nan)])
def test_radius_that_is_no_positive_number_is_refused(radius: float, sigma: float) -> None:
    """There is no probability to ask for."""
    with pytest.raises(ValueError, match="positive"):
        required_probability(radius, sigma)


def test_radius_beyond_float64_is_refused() -> None:
    """No probability below 1 has a quantile of 9."""
    with pytest.raises(ValueError, match="out of reach"):
        required_probability(9.0, 1.0)


def test_bound_covers_the_true_probability() -> None:
    """Over 20,000 simulated experiments the bound exceeds the truth no more often than alpha allows."""
    rng, alpha, runs = np.random.default_rng(1), 0.01, 20_000
    for p, n in ((0.5, 100), (0.8, 500), (0.99, 1000)):
        counts = rng.binomial(n, p, runs)
        bounds = {int(count): lower_confidence_bound(int(count), n, alpha) for count in np.unique(counts)}
        misses = sum(bounds[int(count)] > p for count in counts)

        assert misses <= binom.ppf(0.9999, runs, alpha)


def test_bound_without_successes_is_zero() -> None:
    """No success supports no probability."""
    assert lower_confidence_bound(0, 100, 0.001) == 0


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    """More successes than trials, or fewer than none, are an error and no bound."""
    with pytest.raises(ValueError, match="successes"):
        lower_confidence_bound(successes, trials, 0.001)


@pytest.mark.parametrize("p_lower", [math.nan, 0.5, 0.3, 0.0, -1.0, 1.0, 2.0, math.inf])
def test_probability_that_does_not_exceed_one_half_has_no_radius(p_lower: float) -> None:
    """NaN and anything outside (1/2, 1) never certify."""
    assert certified_radius(p_lower, 0.25) is None


@given(st.floats(0.5, 1, exclude_min=True, exclude_max=True), st.floats(0.05, 1))
def test_radius_is_rounded_down(p_lower: float, sigma: float) -> None:
    """A radius never exceeds sigma times the normal quantile."""
    radius = certified_radius(p_lower, sigma)

    assert radius is None or 0 < radius <= sigma * norm.ppf(p_lower)


@given(st.floats(0, 10) | st.floats(0, allow_infinity=False), st.integers(1, 6))
def test_printed_radius_is_never_more_than_the_radius(radius: float, digits: int) -> None:
    """Rounding to digits goes down, by less than one unit of the last digit, also of what no radius can be."""
    printed = rounded_down(radius, digits)

    assert printed <= radius
    assert radius - printed < 10.0**-digits * (1 + 1e-6) + 1e-12 + 1e-15 * radius


@given(st.floats(1e-6, 10), st.floats(1e-3, 100))
def test_source_radius_is_the_radius_by_the_norm_rounded_down(radius: float, norm: float) -> None:
    """R / ||W|| in rational numbers is not exceeded, and missed by no more than a few billionths."""
    found, exact = source_radius(radius, norm, Noise.GAUSSIAN), Fraction(radius) / Fraction(norm)

    assert found is not None
    assert exact * (1 - Fraction(2, 10**9)) <= Fraction(found) <= exact


@pytest.mark.parametrize(("radius", "noise"), [(None, Noise.GAUSSIAN), (None, Noise.LATTICE), (0.5, Noise.LATTICE)])
def test_source_radius_when_nothing_is_claimed_of_the_file(radius: float | None, noise: Noise) -> None:
    """There is none without a radius, and none with lattice noise."""
    assert source_radius(radius, 0.5, noise) is None


def test_largest_radius_is_that_of_unanimous_votes() -> None:
    """10,000 unanimous votes at alpha = .001 give 3.1985 sigma (reliability notes, appendix B)."""
    radius = largest_radius(10_000, 0.001, 1.0)

    assert radius == pytest.approx(3.1985, abs=1e-4)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001, 1e-6])
def test_fewest_samples_are_the_first_that_can_decide(alpha: float) -> None:
    """With one sample less than the minimum even unanimous votes abstain, with the minimum they do not."""
    certify, predict = fewest_samples_to_certify(alpha), fewest_samples_to_predict(alpha)

    assert largest_radius(certify, alpha, 0.25) is not None
    assert largest_radius(certify - 1, alpha, 0.25) is None
    assert two_sided_p_value(predict, 0) <= alpha < two_sided_p_value(predict - 1, 0)


@pytest.mark.parametrize("trials", [1, 2, 7, 100, 101, 10_000])
def test_p_value_is_that_of_the_exact_test(trials: int) -> None:
    """It is scipy's two-sided binomial test, however the votes fell; without a vote nothing is unlikely."""
    for votes in {0, 1, trials // 3, trials // 2, trials - 1, trials}:
        expected = binomtest(votes, trials, 0.5).pvalue
        assert two_sided_p_value(votes, trials - votes) == pytest.approx(expected, rel=1e-9)
    assert two_sided_p_value(0, 0) == 1
