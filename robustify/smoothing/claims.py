"""What counted votes allow to say, whichever bound was used: how a certificate is checked by its numbers alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from robustify.smoothing.algorithms import bound_radius, check_votes
from robustify.smoothing.anytime import Decision, TargetTest, bound_so_far, fewest_votes
from robustify.smoothing.multiclass import bound_two_sided
from robustify.smoothing.statistics import certified_radius, required_probability
from robustify.types import SmoothingParameters

CERTIFIED, ABSTAINED = "certified", "abstained"


@dataclass(frozen=True)
class Counts:
    """The votes (K,) of both phases, and what was asked: `samples` of at most n estimation samples were looked at.

    `target_radius` and `tolerance` are what a certificate that may stop early aims at: one of them, in [0, 1] units.
    """

    index: int
    """The class that the selection votes chose."""
    selection_votes: Sequence[int]
    votes: Sequence[int]
    samples: int
    parameters: SmoothingParameters
    target_radius: float | None = None
    tolerance: float | None = None

    @property
    def has_support(self) -> bool:
        """Whether a selection sample voted for the class: no other is claimed."""
        return self.selection_votes[self.index] > 0


@dataclass(frozen=True)
class Claim:
    """With probability at least 1 - alpha what it says is true. `radius` is None unless it is certified."""

    outcome: str
    radius: float | None
    p_lower: float
    p_upper: float | None = None


def claim_of(bound: str, counts: Counts) -> Claim:
    """The claim of these counts by the bound of this name; ValueError for counts that do not fit, or another name."""
    if bound not in CLAIMS:
        raise ValueError(f"the bound {bound!r} is not known here: {', '.join(CLAIMS)} are")
    check_votes(counts.selection_votes, counts.parameters.n0)
    check_votes(counts.votes, counts.samples)
    return CLAIMS[bound](counts)


def clopper_pearson(counts: Counts) -> Claim:
    """Algorithm 1 at its n (Cohen et al., 2019)."""
    check_is_fixed(counts)
    found = bound_radius(counts.index, counts.selection_votes, counts.votes, counts.parameters)
    return radius_claim(found.radius, found.p_lower)


def multiclass(counts: Counts) -> Claim:
    """Both bounds of Theorem 1 at n (Cohen et al., 2019)."""
    check_is_fixed(counts)
    found = bound_two_sided(counts.index, counts.selection_votes, counts.votes, counts.parameters)
    return radius_claim(found.radius, found.p_lower, found.p_upper)


def anytime(counts: Counts) -> Claim:
    """What may be said at any number of samples up to n."""
    if (counts.target_radius is None) == (counts.tolerance is None):
        raise ValueError("an anytime bound has one aim: a target radius or a tolerance")
    if not 0 < counts.samples <= counts.parameters.n:
        raise ValueError(f"{counts.samples} samples of {counts.parameters.n} planned")
    return radius_so_far(counts) if counts.target_radius is None else target_claim(counts, counts.target_radius)


def radius_so_far(counts: Counts) -> Claim:
    n, alpha, sigma = counts.parameters.n, counts.parameters.alpha, counts.parameters.sigma
    p_lower = bound_so_far(counts.votes[counts.index], counts.samples, n, alpha)
    return radius_claim(certified_radius(p_lower, sigma) if counts.has_support else None, p_lower)


def target_claim(counts: Counts, target_radius: float) -> Claim:
    """The test's thresholds at a look depend on the cap and not on the looks before."""
    if not counts.has_support:
        return Claim(ABSTAINED, None, 0.0)
    n, alpha, sigma = counts.parameters.n, counts.parameters.alpha, counts.parameters.sigma
    looks = np.unique([counts.samples, n])
    p0 = required_probability(target_radius, sigma)
    test = TargetTest(p0, looks, fewest_votes(p0, alpha, looks), looks - fewest_votes(1 - p0, alpha, looks))
    missing = counts.samples - sum(counts.votes)
    decision = test.decide(counts.samples, counts.votes[counts.index], missing)
    if decision is None:
        raise ValueError(f"the votes of {counts.samples} samples do not settle the target radius")
    is_certified = decision is Decision.CERTIFIED
    return Claim(str(decision), target_radius if is_certified else None, p0 if is_certified else 0.0)


def check_is_fixed(counts: Counts) -> None:
    if counts.samples != counts.parameters.n:
        raise ValueError(f"a bound at n = {counts.parameters.n} was used at {counts.samples} samples")


def radius_claim(radius: float | None, p_lower: float, p_upper: float | None = None) -> Claim:
    return Claim(ABSTAINED if radius is None else CERTIFIED, radius, p_lower, p_upper)


CLAIMS: Mapping[str, Callable[[Counts], Claim]] = MappingProxyType(
    {"clopper-pearson": clopper_pearson, "multiclass": multiclass, "anytime": anytime}
)
