"""Several label sets in one certificate (Nirala et al., 2024): each noisy copy is embedded once, and votes in each set.

1. The sets are fixed in the question before a sample is drawn: the question decides the noise, so that other sets, or
   the same in another order, meet other noise.
2. Each set has its own classifier f_j, of the same models, and so its own smoothed classifier g_j. Its class is chosen
   from its selection votes, and bounded by its estimation votes, as if it were asked about alone with `shared_alpha`.
3. The votes of the sets come from the same copies, and depend on each other. The union bound asks nothing of that: each
   claim is false with probability at most alpha / k, so any of the k is with probability at most alpha.
4. So all claims hold together, and also the one that somebody picks after looking at all of them.

The bounds are those of n samples: one look for all sets. A bound that is looked at early would keep a set that is
settled waiting for the others, and answer for it at a look that others decide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import chosen, first_settling_look
from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.looks import Looks, Tally, counted
from robustify.smoothing.rules import CertifyRule, Selection, StoppingRule, Verdict
from robustify.types import Bound, SmoothingParameters


@dataclass(frozen=True)
class EachSettled:
    """The StoppingRule that stops where one rule for each set does."""

    rules: tuple[StoppingRule, ...]
    sizes: tuple[int, ...]

    @property
    def n(self) -> int:
        return self.rules[0].n

    @property
    def looks(self) -> Looks:
        return self.rules[0].looks

    def is_settled(self, tally: Tally) -> bool:
        parts = tallies_of_sets(tally, self.sizes)
        return all(rule.is_settled(part) for rule, part in zip(self.rules, parts, strict=True))


@dataclass(frozen=True)
class LabelSets:
    """CERTIFY of k sets of votes, for so many labels (`sizes`), which stand one set after the other (K,).

    Each is that of a label set, or of a sigma (`sigmas`). It is the StoppingRule of the estimation too: one look, at n.
    """

    rules: tuple[CertifyRule, ...]
    sizes: tuple[int, ...]

    @property
    def n(self) -> int:
        return self.rules[0].parameters.n

    @property
    def alpha_each(self) -> float:
        """What the claim about each set may be wrong with."""
        return self.rules[0].parameters.alpha

    @property
    def looks(self) -> Looks:
        return Looks(self.n)

    @property
    def selecting(self) -> StoppingRule:
        """When the classes are chosen: where the last of them is clear."""
        return EachSettled(tuple(rule.selecting for rule in self.rules), self.sizes)

    def is_settled(self, tally: Tally) -> bool:
        return False

    def chosen(self, selected: Tally) -> tuple[Selection, ...]:
        """The class of each set, by its selection votes alone."""
        return tuple(chosen(part) for part in tallies_of_sets(selected, self.sizes))

    def verdicts(self, selections: Sequence[Selection], tally: Tally) -> tuple[Verdict, ...]:
        """What may be said of each class: all of it is true with probability at least 1 - alpha."""
        parts = tallies_of_sets(tally, self.sizes)
        return tuple(
            rule.verdict(selection, part) for rule, selection, part in zip(self.rules, selections, parts, strict=True)
        )


@dataclass(frozen=True)
class CertifiedSets:
    """What CERTIFY found: the class of each set, the votes that it stopped with, and what they say of each class."""

    selections: tuple[Selection, ...]
    tally: Tally
    verdicts: tuple[Verdict, ...]


def label_sets_rule(
    parameters: SmoothingParameters, sizes: Sequence[int], bound: Bound, selection_looks: Looks | None = None
) -> LabelSets:
    """A rule for each set, which share the alpha of `parameters`; ValueError for a bound that is looked at early."""
    shared = SmoothingParameters(
        parameters.sigma, parameters.n0, parameters.n, shared_alpha(parameters.alpha, len(sizes)), parameters.slack
    )
    rule = certify_rule(shared, bound, selection_looks=selection_looks)
    return LabelSets((rule,) * len(sizes), tuple(sizes))


def certify_label_sets(
    rule: LabelSets, count_selection_votes: VoteCounter, count_estimation_votes: VoteCounter
) -> CertifiedSets:
    """As `algorithms.certify`, for all sets at once: a class and a radius for each, or no radius."""
    selecting = rule.selecting
    selected = first_settling_look(selecting, counted(count_selection_votes, selecting.looks, selecting.n))
    assert selected is not None
    selections = rule.chosen(selected)
    tally = first_settling_look(rule, counted(count_estimation_votes, rule.looks, rule.n))
    assert tally is not None
    return CertifiedSets(selections, tally, rule.verdicts(selections, tally))


def tallies_of_sets(tally: Tally, sizes: Sequence[int]) -> list[Tally]:
    """The votes of each set: every sample has one in each."""
    return [Tally(tally.samples, part) for part in votes_of_sets(tally.votes, sizes)]


def votes_of_sets(votes: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The votes (K,) cut into those of each set; ValueError where they are of another number of labels."""
    if len(votes) != sum(sizes):
        raise ValueError(f"{len(votes)} counts for label sets of {sum(sizes)} labels")
    for start, end in pairwise(accumulate(sizes, initial=0)):
        yield tuple(votes[start:end])


def missing_votes(votes: Sequence[int], sizes: Sequence[int], samples: int) -> int:
    """How many of so many samples lack a vote in the set that lacks the most."""
    return samples - min(sum(part) for part in votes_of_sets(votes, sizes))
