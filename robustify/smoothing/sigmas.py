"""Several sigmas in one certificate: each sample is a noisy copy at every sigma, and of all claims the largest is kept.

1. The sigmas are fixed in the question before a sample is drawn, as several label sets are (`label_sets`).
2. The copies of a sample have noise of their own (`seeds.seed_at`). Each votes in a set of its sigma: all these sets
   have the same labels.
3. The rest is as with label sets: a class of each sigma by its selection votes, a bound with an equal share of alpha.
   All claims hold together, and so does the one with the largest radius, which is picked by looking at all (`cascade`).

Every claim is about the smoothed classifier of its own sigma. The rule "take the sigma with the largest radius" is a
classifier too, and of that one nothing is claimed.
"""

from collections.abc import Sequence
from dataclasses import replace

from robustify.smoothing.cascade import largest, shared_alpha
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.label_sets import LabelSets
from robustify.smoothing.looks import Looks
from robustify.smoothing.rules import Verdict
from robustify.types import Bound, SmoothingParameters


def sigmas_rule(
    each: Sequence[SmoothingParameters], classes: int, bound: Bound, selection_looks: Looks | None = None
) -> LabelSets:
    """A rule for each sigma, of so many classes; `each` has the alpha that they share. ValueError for a bound that is
    looked at early."""
    rules = tuple(
        certify_rule(
            replace(parameters, alpha=shared_alpha(parameters.alpha, len(each))), bound, selection_looks=selection_looks
        )
        for parameters in each
    )
    return LabelSets(rules, (classes,) * len(each))


def answering(verdicts: Sequence[Verdict]) -> int:
    """Which of the sigmas, the smallest first, answers: that of the largest radius; where none has one the smallest,
    whose copies are the least noisy."""
    return largest(verdicts) or 0
