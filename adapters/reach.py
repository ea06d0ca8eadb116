"""Whether n samples can give what is asked for, and how many would: an impossible request is refused beforehand."""

from adapters.bounds import MAX_ESTIMATION_SAMPLES
from robustify.smoothing.anytime import bound_so_far
from robustify.smoothing.multiclass import RIVALS_SHARE
from robustify.smoothing.planning import fewest_anytime_samples, fewest_samples_to_exceed
from robustify.smoothing.statistics import certified_radius, fewest_samples_to_certify, rounded_down
from robustify.types import Bound


def fewest_for_a_radius(alpha: float, bound: Bound) -> int:
    """The n below which even unanimous votes give no radius at all."""
    match bound:
        case Bound.CLOPPER_PEARSON:
            return fewest_samples_to_certify(alpha)
        case Bound.MULTICLASS:
            return fewest_samples_to_certify((1 - RIVALS_SHARE) * alpha)
        case Bound.ANYTIME:
            fewest = fewest_samples_to_exceed(0.5, alpha)
            assert fewest is not None
            return fewest


def why_out_of_reach(radius: float, n: int, alpha: float, sigma: float) -> str | None:
    """What to do about a target radius that not even unanimous votes of n samples certify; None where they do."""
    fewest = fewest_anytime_samples(radius, sigma, alpha)
    if fewest is not None and fewest <= n:
        return None
    largest = certified_radius(bound_so_far(n, n, n, alpha), sigma) or 0.0
    return f"With this n, alpha and sigma at most {rounded_down(largest)} can be certified; {remedy(fewest)}."


def remedy(fewest: int | None) -> str:
    if fewest is None:
        return "no number of samples would do: raise sigma, or ask for less"
    if fewest > MAX_ESTIMATION_SAMPLES:
        return f"it takes an n of {fewest}, above the {MAX_ESTIMATION_SAMPLES} allowed: raise sigma, or ask for less"
    return f"it takes an n of at least {fewest}: raise n or sigma, or ask for less"
