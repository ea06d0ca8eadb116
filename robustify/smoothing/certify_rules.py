"""The rules of CERTIFY: one for each way to bound the radius.

Rules that stop early rest on the bounds of `anytime`, which hold at every look; the other rests on bounds that hold at
n only, and has no other look. Each has a rule of its own for when the class is chosen (`selection`).
"""

from dataclasses import dataclass
from functools import lru_cache

from robustify.smoothing.anytime import Decision, RadiusInSight, TargetTest, bound_so_far, radius_in_sight, target_test
from robustify.smoothing.decisions import bound_radius, check_votes
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.multiclass import bound_two_sided
from robustify.smoothing.rules import CertifyRule, Outcome, Selection, StoppingRule, Verdict
from robustify.smoothing.selection import AllSelectionSamples, ClearLeader
from robustify.smoothing.statistics import required_probability
from robustify.types import Bound, SmoothingParameters

REMEMBERED_LOOKS = 4096

# The verdict of each rule, step by step:
#
# 1. Votes that cannot be are refused (`check_votes`).
# 2. A class that no selection sample voted for is not claimed, whatever the estimation votes say.
# 3. The votes for the class, out of all samples planned up to this look, bound its probability p from below. What the
#    drawn noise may miss of its probabilities, `slack`, is taken off the bound; a target needs so much more of p.
# 4. The bound gives the radius (Cohen et al., 2019, Theorem 1): sigma * Phi^-1(p_lower), which takes all that is left
#    of 1 for the rivals, or with a bound of the rivals' own. Of a target: is p large enough for it, or too small?
# 5. With a radius the outcome is "certified", without one "abstained"; of a target that is missed, what is known of it.


@dataclass(frozen=True)
class AllSamples:
    """CERTIFY of n samples: by Clopper-Pearson as Algorithm 1 has it, or with the rivals' bounds too."""

    parameters: SmoothingParameters
    bound: Bound
    selection_looks: Looks | None = None

    @property
    def selecting(self) -> StoppingRule:
        return selection_rule(self.parameters.n0, self.selection_looks)

    @property
    def looks(self) -> Looks:
        return Looks(self.parameters.n)

    def is_settled(self, selection: Selection, tally: Tally) -> bool:
        return False

    def verdict(self, selection: Selection, tally: Tally) -> Verdict:
        # 1. to 4. are in the function that bounds; 5. follows.
        if self.bound is Bound.MULTICLASS:
            two_sided = bound_two_sided(selection.index, selection.votes, tally.votes, self.parameters)
            return verdict_of(two_sided.radius, two_sided.p_lower, two_sided.p_upper)
        one_sided = bound_radius(selection.index, selection.votes, tally.votes, self.parameters)
        return verdict_of(one_sided.radius, one_sided.p_lower)


@dataclass(frozen=True)
class TargetRadius:
    """Is this radius certified? The radius of the answer is the target and no more, so that "certified" and "not
    certified" are opposites: only one of them can be false, and each may use the whole of alpha."""

    parameters: SmoothingParameters
    radius: float
    looks: Looks
    selection_looks: Looks | None = None

    @property
    def selecting(self) -> StoppingRule:
        needed = required_probability(self.radius, self.parameters.sigma)
        return selection_rule(self.parameters.n0, self.selection_looks, needed)

    @property
    def test(self) -> TargetTest:
        parameters, ends = self.parameters, self.looks.ends(self.parameters.n)
        return target_test(self.radius, parameters.sigma, parameters.alpha, ends, parameters.slack)

    def is_settled(self, selection: Selection, tally: Tally) -> bool:
        return not selection.is_supported or self.decision(selection, tally) is not None

    def verdict(self, selection: Selection, tally: Tally) -> Verdict:
        # 1.
        check_votes(tally.votes, tally.samples)
        # 2.
        if not selection.is_supported:
            return verdict_of(None, 0.0)
        # 3. and 4., as integer thresholds of the votes.
        outcome = Outcome(self.decision(selection, tally) or Decision.UNDECIDED)
        # 5.
        if outcome is not Outcome.CERTIFIED:
            return Verdict(outcome, None, 0.0)
        return Verdict(outcome, self.radius, self.test.p0 - self.parameters.slack)

    def decision(self, selection: Selection, tally: Tally) -> Decision | None:
        return self.test.decide(tally.samples, tally.votes[selection.index], tally.missing)


@dataclass(frozen=True)
class WithinTolerance:
    """The radius, as soon as more samples are unlikely to gain more than the tolerance."""

    parameters: SmoothingParameters
    tolerance: float
    looks: Looks
    selection_looks: Looks | None = None

    @property
    def selecting(self) -> StoppingRule:
        return selection_rule(self.parameters.n0, self.selection_looks)

    def is_settled(self, selection: Selection, tally: Tally) -> bool:
        return not selection.is_supported or self.sight(selection, tally).is_within(self.tolerance)

    def verdict(self, selection: Selection, tally: Tally) -> Verdict:
        # 1.
        check_votes(tally.votes, tally.samples)
        # 3.
        votes, parameters = tally.votes[selection.index], self.parameters
        p_lower = max(0.0, bound_so_far(votes, tally.samples, parameters.n, parameters.alpha) - parameters.slack)
        # 2. and 4.
        radius = self.sight(selection, tally).radius if selection.is_supported else None
        # 5.
        return verdict_of(radius, p_lower)

    def sight(self, selection: Selection, tally: Tally) -> RadiusInSight:
        return remembered_sight(self.parameters, tally.votes[selection.index], tally.samples)


@lru_cache(maxsize=REMEMBERED_LOOKS)
def remembered_sight(parameters: SmoothingParameters, votes: int, samples: int) -> RadiusInSight:
    """A look takes some milliseconds, and is taken again after each shard."""
    return radius_in_sight(votes, samples, parameters.n, parameters.sigma, parameters.alpha, parameters.slack)


def verdict_of(radius: float | None, p_lower: float, p_upper: float | None = None) -> Verdict:
    return Verdict(Outcome.ABSTAINED if radius is None else Outcome.CERTIFIED, radius, p_lower, p_upper)


def selection_rule(n0: int, looks: Looks | None, needed: float | None = None) -> StoppingRule:
    """Without looks all n0 samples are looked at once."""
    return AllSelectionSamples(n0) if looks is None else ClearLeader(n0, looks, needed)


def certify_rule(
    parameters: SmoothingParameters,
    bound: Bound = Bound.CLOPPER_PEARSON,
    target_radius: float | None = None,
    tolerance: float | None = None,
    looks: Looks | None = None,
    selection_looks: Looks | None = None,
) -> CertifyRule:
    """The rule of these parameters; `selection_looks` are those before the class is chosen, None for one at n0.

    ValueError unless an anytime bound has looks and one aim, and others none; and where Clopper-Pearson's, which is
    Algorithm 1 as it stands, is to select early.
    """
    aims = (target_radius is not None) + (tolerance is not None)
    if aims != (bound is Bound.ANYTIME) or (looks is None) == (bound is Bound.ANYTIME):
        raise ValueError(
            f"the bound {bound} with target radius {target_radius}, tolerance {tolerance} and looks {looks}: an "
            "anytime bound, and no other, has looks and one aim"
        )
    if selection_looks and bound is Bound.CLOPPER_PEARSON:
        raise ValueError(f"the bound {bound} with looks {selection_looks} at the selection: it has one, at n0")
    if looks is None:
        return AllSamples(parameters, bound, selection_looks)
    if target_radius is not None:
        return TargetRadius(parameters, target_radius, looks, selection_looks)
    assert tolerance is not None
    return WithinTolerance(parameters, tolerance, looks, selection_looks)
