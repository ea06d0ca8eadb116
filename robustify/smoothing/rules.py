"""When CERTIFY may stop, and what its votes say then: one rule for each way to bound the radius.

With probability at least 1 - alpha what a rule says is true, whichever look it stops at: rules that stop early rest on
the bounds of `anytime`, the others on bounds that hold at n only. A rule is chosen before a sample is drawn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import bound_radius, check_votes, select
from robustify.smoothing.anytime import Decision, RadiusInSight, TargetTest, bound_so_far, radius_in_sight, target_test
from robustify.smoothing.looks import Tally, counted, first_settled, tallies
from robustify.smoothing.multiclass import bound_two_sided
from robustify.types import Bound, SmoothingParameters

REMEMBERED_LOOKS = 4096


class Outcome(StrEnum):
    """What became of a certificate."""

    CERTIFIED = "certified"
    ABSTAINED = "abstained"
    """The votes support no radius."""
    NOT_CERTIFIED = "not_certified"
    """The class's probability is below the one that the target radius needs."""
    UNDECIDED = "undecided"
    """The votes say neither: the target radius is too close to what the class's probability gives."""


@dataclass(frozen=True)
class Selection:
    """The class chosen by the selection votes (K,)."""

    index: int
    votes: Sequence[int]

    @property
    def is_supported(self) -> bool:
        """Whether a single sample voted for the class: no other is claimed."""
        return self.votes[self.index] > 0


@dataclass(frozen=True)
class Verdict:
    """What may be said of the class: `radius` in [0, 1] pixel units, None unless it is certified.

    `p_lower` bounds the class's probability from below, 0 where nothing was claimed; `p_upper` bounds those of its
    rivals from above, None where no such bound was used.
    """

    outcome: Outcome
    radius: float | None
    p_lower: float
    p_upper: float | None = None


class CertifyRule(Protocol):
    """Looks every `step` samples; at n it is settled in any case."""

    @property
    def parameters(self) -> SmoothingParameters: ...

    @property
    def step(self) -> int: ...

    def is_settled(self, selection: Selection, tally: Tally) -> bool: ...

    def verdict(self, selection: Selection, tally: Tally) -> Verdict: ...


@dataclass(frozen=True)
class AllSamples:
    """CERTIFY of n samples: by Clopper-Pearson as Algorithm 1 has it, or with the rivals' bounds too."""

    parameters: SmoothingParameters
    bound: Bound

    @property
    def step(self) -> int:
        return self.parameters.n

    def is_settled(self, selection: Selection, tally: Tally) -> bool:
        return False

    def verdict(self, selection: Selection, tally: Tally) -> Verdict:
        if self.bound is Bound.MULTICLASS:
            two_sided = bound_two_sided(selection.index, selection.votes, tally.votes, self.parameters)
            return verdict_of(two_sided.radius, two_sided.p_lower, two_sided.p_upper)
        certificate = bound_radius(selection.index, selection.votes, tally.votes, self.parameters)
        return verdict_of(certificate.radius, certificate.p_lower)


@dataclass(frozen=True)
class TargetRadius:
    """Is this radius certified? The radius of the answer is the target and no more, so that "certified" and "not
    certified" are opposites: only one of them can be false, and each may use the whole of alpha."""

    parameters: SmoothingParameters
    radius: float
    step: int

    @property
    def test(self) -> TargetTest:
        parameters = self.parameters
        return target_test(self.radius, parameters.sigma, parameters.alpha, parameters.n, self.step, parameters.slack)

    def is_settled(self, selection: Selection, tally: Tally) -> bool:
        return not selection.is_supported or self.decision(selection, tally) is not None

    def verdict(self, selection: Selection, tally: Tally) -> Verdict:
        check_votes(tally.votes, tally.samples)
        if not selection.is_supported:
            return verdict_of(None, 0.0)
        outcome = Outcome(self.decision(selection, tally) or Decision.UNDECIDED)
        if outcome is not Outcome.CERTIFIED:
            return Verdict(outcome, None, 0.0)
        return Verdict(outcome, self.radius, self.test.p0 - self.parameters.slack)

    def decision(self, selection: Selection, tally: Tally) -> Decision | None:
        return self.test.decide(tally.samples, tally.votes[selection.index], tally.missing)


@dataclass(frozen=True)
class WithinTolerance:
    """The radius, as soon as more samples could gain no more than the tolerance."""

    parameters: SmoothingParameters
    tolerance: float
    step: int

    def is_settled(self, selection: Selection, tally: Tally) -> bool:
        return not selection.is_supported or self.sight(selection, tally).is_within(self.tolerance)

    def verdict(self, selection: Selection, tally: Tally) -> Verdict:
        check_votes(tally.votes, tally.samples)
        votes, parameters = tally.votes[selection.index], self.parameters
        p_lower = max(0.0, bound_so_far(votes, tally.samples, parameters.n, parameters.alpha) - parameters.slack)
        return verdict_of(self.sight(selection, tally).radius if selection.is_supported else None, p_lower)

    def sight(self, selection: Selection, tally: Tally) -> RadiusInSight:
        return remembered_sight(self.parameters, tally.votes[selection.index], tally.samples)


@lru_cache(maxsize=REMEMBERED_LOOKS)
def remembered_sight(parameters: SmoothingParameters, votes: int, samples: int) -> RadiusInSight:
    """A look takes some milliseconds, and is taken again after each shard."""
    return radius_in_sight(votes, samples, parameters.n, parameters.sigma, parameters.alpha, parameters.slack)


def verdict_of(radius: float | None, p_lower: float, p_upper: float | None = None) -> Verdict:
    return Verdict(Outcome.ABSTAINED if radius is None else Outcome.CERTIFIED, radius, p_lower, p_upper)


def certify_rule(
    parameters: SmoothingParameters,
    bound: Bound = Bound.CLOPPER_PEARSON,
    target_radius: float | None = None,
    tolerance: float | None = None,
    step: int | None = None,
) -> CertifyRule:
    """The rule of these parameters; ValueError unless an anytime bound has a step and one aim, and others none."""
    aims = (target_radius is not None) + (tolerance is not None)
    if aims != (bound is Bound.ANYTIME) or (step is None) == (bound is Bound.ANYTIME):
        raise ValueError(
            f"the bound {bound} with target radius {target_radius}, tolerance {tolerance} and step {step}: an anytime "
            "bound, and no other, has a step and one aim"
        )
    if step is None:
        return AllSamples(parameters, bound)
    if target_radius is not None:
        return TargetRadius(parameters, target_radius, step)
    assert tolerance is not None
    return WithinTolerance(parameters, tolerance, step)


def certify_by(
    rule: CertifyRule, count_selection_votes: VoteCounter, count_estimation_votes: VoteCounter
) -> tuple[Selection, Tally]:
    """CERTIFY under a rule: the chosen class and the votes that it stopped with, for `rule.verdict`."""
    parameters = rule.parameters
    selection_votes = count_selection_votes(0, parameters.n0)
    selection = Selection(select(selection_votes), selection_votes)
    parts = counted(count_estimation_votes, rule.step, parameters.n)
    tally = settled_tally(rule, selection, parts)
    assert tally is not None
    return selection, tally


def settled_tally(rule: CertifyRule, selection: Selection, parts: Iterable[Sequence[int]]) -> Tally | None:
    """The votes with which the rule stops; None where it needs more parts (see `tallies`) than there are."""
    looks = tallies(parts, rule.step, rule.parameters.n)
    return first_settled(looks, rule.parameters.n, lambda tally: rule.is_settled(selection, tally))
