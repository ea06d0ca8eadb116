"""What counted votes allow to say, whichever bound was used: how a certificate is checked by its numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustify.smoothing.anytime import TargetTest, test_at_looks
from robustify.smoothing.certify_rules import TargetRadius, certify_rule
from robustify.smoothing.decisions import check_votes
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import CertifyRule, Selection, Verdict
from robustify.types import Bound, SmoothingParameters


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
    def selection(self) -> Selection:
        return Selection(self.index, self.selection_votes)

    @property
    def tally(self) -> Tally:
        return Tally(self.samples, tuple(self.votes))


@dataclass(frozen=True)
class TargetAtOneLook(TargetRadius):
    """The rule at the look after `step` samples and at n: what a look decides does not depend on the others."""

    @property
    def test(self) -> TargetTest:
        parameters, looks = self.parameters, np.unique([self.step, self.parameters.n])
        return test_at_looks(self.radius, parameters.sigma, parameters.alpha, looks, parameters.slack)


def recomputed_verdict(bound: str, counts: Counts) -> Verdict:
    """The verdict on these counts by the bound of this name; ValueError for counts that do not fit, or another name."""
    check_votes(counts.selection_votes, counts.parameters.n0)
    check_votes(counts.votes, counts.samples)
    rule = rule_at_look(known_bound(bound), counts)
    if isinstance(rule, TargetRadius) and not rule.is_settled(counts.selection, counts.tally):
        raise ValueError(f"the votes of {counts.samples} samples do not settle the target radius")
    return rule.verdict(counts.selection, counts.tally)


def known_bound(name: str) -> Bound:
    if name not in set(Bound):
        raise ValueError(f"the bound {name!r} is not known here: {', '.join(Bound)} are")
    return Bound(name)


def rule_at_look(bound: Bound, counts: Counts) -> CertifyRule:
    """The rule as it stood at the look at which these counts were taken."""
    parameters, samples, is_anytime = counts.parameters, counts.samples, bound is Bound.ANYTIME
    if not 0 < samples <= parameters.n:
        raise ValueError(f"{samples} samples of {parameters.n} planned")
    if samples != parameters.n and not is_anytime:
        raise ValueError(f"a bound at n = {parameters.n} was used at {samples} samples")
    rule = certify_rule(parameters, bound, counts.target_radius, counts.tolerance, samples if is_anytime else None)
    return TargetAtOneLook(parameters, rule.radius, samples) if isinstance(rule, TargetRadius) else rule
