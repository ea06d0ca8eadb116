"""What counted votes allow to say, whichever bound was used: how a certificate is checked by its numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.decisions import check_votes
from robustify.smoothing.looks import Looks, Tally
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
    selection_samples: int | None = None
    """Of at most n0, all of which were looked at where it is None."""

    @property
    def selection(self) -> Selection:
        samples = self.parameters.n0 if self.selection_samples is None else self.selection_samples
        return Selection(self.index, self.selection_votes, samples)

    @property
    def tally(self) -> Tally:
        return Tally(self.samples, tuple(self.votes))


def recomputed_verdict(bound: str, counts: Counts) -> Verdict:
    """The verdict on these counts by the bound of this name; ValueError for counts that do not fit, or another name.

    A target radius that they leave open is undecided: whoever gave up there claimed nothing, by whatever forecast.
    """
    check_selection(counts)
    check_votes(counts.votes, counts.samples)
    rule = rule_at_look(known_bound(bound), counts)
    return rule.verdict(counts.selection, counts.tally)


def check_selection(counts: Counts) -> None:
    """ValueError unless they are votes of as many selection samples as were allowed."""
    samples, n0 = counts.selection.samples, counts.parameters.n0
    if not 0 < samples <= n0:
        raise ValueError(f"{samples} selection samples of {n0} planned")
    check_votes(counts.selection_votes, samples)


def known_bound(name: str) -> Bound:
    if name not in set(Bound):
        raise ValueError(f"the bound {name!r} is not known here: {', '.join(Bound)} are")
    return Bound(name)


def rule_at_look(bound: Bound, counts: Counts) -> CertifyRule:
    """The rule as it stood at the look at which these counts were taken: what a look decides does not depend on the
    others, but for the last, at n."""
    parameters, samples, is_anytime = counts.parameters, counts.samples, bound is Bound.ANYTIME
    if not 0 < samples <= parameters.n:
        raise ValueError(f"{samples} samples of {parameters.n} planned")
    if samples != parameters.n and not is_anytime:
        raise ValueError(f"a bound at n = {parameters.n} was used at {samples} samples")
    looks = Looks(samples, samples, parameters.n) if is_anytime else None
    return certify_rule(parameters, bound, counts.target_radius, counts.tolerance, looks)
