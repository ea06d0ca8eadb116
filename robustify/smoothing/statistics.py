"""The bounds and tests behind PREDICT and CERTIFY: float64 and scipy; every rounding goes against the claim."""

import math

from scipy.special import bdtr
from scipy.stats import beta, binom, norm

from robustify.types import Noise

RELATIVE_STEP = 1e-9
MAX_STEPS = 60
LARGEST_FRACTION = 2.0**52
"""From here on, doubles are whole numbers."""


def lower_confidence_bound(successes: int, trials: int, alpha: float) -> float:
    """A number that is at most the true probability with probability at least 1 - alpha (Clopper-Pearson, one-sided).

    scipy's quantile is stepped down, and further until the binomial tail P(X >= successes) at it is at most alpha: the
    first step pays for the rounding of quantile and tail, the others would pay for a quantile that is wrong.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if successes == 0 or not 0 < alpha < 1:
        return 0.0
    bound = alpha ** (1 / trials) if successes == trials else float(beta.ppf(alpha, successes, trials - successes + 1))
    step = RELATIVE_STEP
    for _ in range(MAX_STEPS):
        bound, step = bound * (1 - step), min(0.5, step * 2)
        if math.isfinite(bound) and binom.sf(successes - 1, trials, bound) <= alpha:
            return bound
    return 0.0


def upper_confidence_bound(successes: int, trials: int, alpha: float) -> float:
    """A number that is at least the true probability with probability at least 1 - alpha: the lower bound, mirrored."""
    return min(1.0, math.nextafter(1 - lower_confidence_bound(trials - successes, trials, alpha), math.inf))


def two_sided_p_value(votes: int, rival_votes: int) -> float:
    """Exact two-sided binomial test of "both classes are equally likely" (Hung and Fithian, 2019)."""
    trials, fewer = votes + rival_votes, min(votes, rival_votes)
    return min(1.0, 2 * float(bdtr(fewer, trials, 0.5)))  # Both tails are alike: each is that of the fewer votes.


def certified_radius(p_lower: float, sigma: float) -> float | None:
    """sigma * Phi^-1(p_lower) (Cohen et al., 2019, Theorem 1), rounded down; None when p_lower does not exceed 1/2."""
    if not (math.isfinite(p_lower) and math.isfinite(sigma)) or sigma <= 0 or not 0.5 < p_lower < 1:
        return None
    radius = sigma * float(norm.ppf(p_lower)) * (1 - RELATIVE_STEP)
    return radius if radius > 0 else None


def required_probability(radius: float, sigma: float) -> float:
    """Phi(radius / sigma), rounded up until its own radius, rounded down, is no smaller: what a target must exceed.

    ValueError where float64 has no probability below 1 that is so large (from 8 sigma on), and for radii that are not
    positive numbers.
    """
    if not (0 < radius < math.inf and 0 < sigma < math.inf):
        raise ValueError(f"radius {radius} and sigma {sigma} must be positive")
    step = RELATIVE_STEP
    for _ in range(MAX_STEPS):
        probability = float(norm.cdf(radius / sigma * (1 + step)))
        if (certified_radius(probability, sigma) or 0.0) >= radius:
            return probability
        step *= 2
    raise ValueError(f"radius {radius} is out of reach for sigma {sigma}, whatever the number of samples")


def source_radius(radius: float | None, source_norm: float, noise: Noise) -> float | None:
    """The radius for the decoded pixels of the file, R / ||W||_2, rounded down; W is resize and crop, a linear map.

    A change of the pixels by less is a change of the canonical tensor by less than R. None where there is no radius,
    and with lattice noise: resize and crop of another picture give no whole levels.
    """
    if radius is None or noise is Noise.LATTICE:
        return None
    return radius / source_norm * (1 - RELATIVE_STEP)


def rounded_down(radius: float, digits: int = 4) -> float:
    """The radius to so many decimal digits, never more than it is."""
    scale = 10.0**digits
    if radius * scale > LARGEST_FRACTION:
        return radius
    rounded = math.floor(radius * scale) / scale
    return rounded if rounded <= radius else (math.floor(radius * scale) - 1) / scale


def largest_radius(n: int, alpha: float, sigma: float) -> float | None:
    """The radius that n unanimous votes give: no request for more can be met."""
    return certified_radius(lower_confidence_bound(n, n, alpha), sigma)


def fewest_samples_to_certify(alpha: float) -> int:
    """The n below which even unanimous votes abstain: alpha^(1/n) must exceed 1/2."""
    return math.floor(math.log(alpha) / math.log(0.5)) + 1


def fewest_samples_to_predict(alpha: float) -> int:
    """The n below which even unanimous votes abstain: 2 * (1/2)^n must not exceed alpha."""
    return math.ceil(math.log(alpha / 2) / math.log(0.5))
