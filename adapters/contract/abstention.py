"""Why there is no answer, and what would help, in a sentence for people."""

from adapters.contract.results import CertifyResult, PredictResult, Result
from robustify.smoothing.rules import Outcome

HALF = 0.5
NO_VOTES = "The models gave no finite answer for the noisy copies of this picture: tell the operator."
CLOSE_CALL = (
    "{label} got {share} of the votes, and no other label is far enough behind for {samples} samples: a larger n may "
    "tell them apart, and so may a smaller sigma, or labels that are less alike."
)
NEARLY = (
    "{label} got {share} of the votes, too little over a half for {samples} samples: a larger n may certify a small "
    "radius, and a smaller sigma a larger share."
)
NO_MAJORITY = (
    "{label} got {share} of the votes, so that no radius holds under this noise: try a smaller sigma, labels that are "
    "less alike, or a task that is adapted to them."
)
TOO_FAR = "{label} got {share} of the votes, which is too little for the radius {radius:g}: ask for a smaller one."
UNDECIDED = (
    "{label} got {share} of the votes, and the radius {radius:g} is too close to what this picture has for {samples} "
    "samples: a larger n may tell, or a smaller radius be certified."
)


def advice_of(result: Result | None) -> str | None:
    """None where there is an answer, or several label sets or sigmas."""
    if isinstance(result, PredictResult) and result.outcome == "abstained":
        return said(CLOSE_CALL, result, most_voted(result))
    if isinstance(result, CertifyResult) and result.outcome != Outcome.CERTIFIED:
        return NO_VOTES if result.index is None else said(of_certificate(result), result, result.index)
    return None


def of_certificate(result: CertifyResult) -> str:
    """The sentence of an outcome without a radius."""
    if result.outcome == Outcome.NOT_CERTIFIED:
        return TOO_FAR
    if result.outcome == Outcome.UNDECIDED:
        return UNDECIDED
    assert result.index is not None
    return NEARLY if share_of(result, result.index) > HALF else NO_MAJORITY


def said(sentence: str, result: PredictResult | CertifyResult, index: int) -> str:
    if not sum(result.counts):
        return NO_VOTES
    radius = result.target_radius if isinstance(result, CertifyResult) else None
    return sentence.format(
        label=result.votes[index].label,
        share=f"{100 * share_of(result, index):.0f} %",
        samples=result.deciding_samples,
        radius=radius or 0.0,
    )


def share_of(result: PredictResult | CertifyResult, index: int) -> float:
    """Of the samples that were looked at, those that voted for a label."""
    return result.counts[index] / max(1, result.deciding_samples)


def most_voted(result: PredictResult) -> int:
    """The first of the labels with the most votes."""
    return result.counts.index(max(result.counts))
