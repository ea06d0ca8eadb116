"""What votes that a client saw would say, were another question answered by the same votes.

It rests on the statistics alone: a client knows no more of the service than what is written about it.
"""

from functools import lru_cache
from typing import Any

from adapters.contract.results import CertifyResult, PredictResult, Voted
from robustify.smoothing.anytime import LAST_LOOK_SHARE, anytime_upper_bound, bound_so_far
from robustify.smoothing.decisions import decide, select
from robustify.smoothing.multiclass import RIVALS_SHARE
from robustify.smoothing.rules import Outcome
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound, upper_confidence_bound
from robustify.types import Bound
from workers.evaluation.adversary.questions import Answer, Question
from workers.evaluation.selftest_claims import LABELS, PREDICTED, is_false

REMEMBERED = 4096
"""Bounds of votes that come again and again."""


def would_be_false(look: Answer, question: Question) -> bool:
    """Whether the votes of the look make a false answer to a question with as many samples."""
    seen = look.result
    if isinstance(seen, PredictResult):
        return is_false(question.picture.margin, prediction_of(question, seen.counts))
    return is_false(question.picture.margin, certificate_of(question, select(seen.selection_counts), seen.counts))


def prediction_of(
    question: Question, votes: tuple[int, ...], /, **counted: Any
) -> Voted:  # Any: whatever else the result is to have.
    """What is decided by so many votes (2,)."""
    index = decide(votes, question.n, question.alpha).index
    outcome, label = ("abstained", None) if index is None else (PREDICTED, LABELS[index])
    return PredictResult.model_construct(**{"outcome": outcome, "label": label, **counted})


def certificate_of(
    question: Question, selected: int, votes: tuple[int, ...], /, **counted: Any
) -> Voted:  # Any: likewise.
    """The same for the label that was selected, when all n votes are in."""
    outcome, radius = decided(question, votes[selected])
    said = {"outcome": outcome, "label": LABELS[selected], "radius": radius, "target_radius": question.target_radius}
    return CertifyResult.model_construct(**{**said, **counted})


def decided(question: Question, votes: int) -> tuple[Outcome, float | None]:
    """The outcome and the radius of so many votes for the label."""
    n, alpha, target = question.n, question.alpha, question.target_radius
    bound = Bound.ANYTIME if target is not None or question.tolerance is not None else question.bound
    radius = certified_radius(lower_bound(votes, n, alpha, bound), question.sigma)
    if target is None:
        return (Outcome.ABSTAINED, None) if radius is None else (Outcome.CERTIFIED, radius)
    if radius is not None and radius >= target:
        return Outcome.CERTIFIED, target
    possible = certified_radius(upper_bound(votes, n, alpha), question.sigma) or 0.0
    return Outcome.NOT_CERTIFIED if possible < target else Outcome.UNDECIDED, None


@lru_cache(maxsize=REMEMBERED)
def lower_bound(votes: int, n: int, alpha: float, bound: Bound | None) -> float:
    """Of the label's probability. With two labels the rival's own bound adds nothing to the label's."""
    if bound is Bound.ANYTIME:
        return bound_so_far(votes, n, n, alpha)
    share = 1.0 if bound is Bound.CLOPPER_PEARSON else 1 - RIVALS_SHARE
    return lower_confidence_bound(votes, n, share * alpha)


@lru_cache(maxsize=REMEMBERED)
def upper_bound(votes: int, n: int, alpha: float) -> float:
    """Of the same, as the test of a target radius has it when all n votes are in; 1/2 at least."""
    at_any_look = anytime_upper_bound(votes, n, (1 - LAST_LOOK_SHARE) * alpha)
    return max(0.5, min(at_any_look, upper_confidence_bound(votes, n, LAST_LOOK_SHARE * alpha)))
