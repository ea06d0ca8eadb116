"""From votes to the answer that clients read: pure functions, shared by the queue's workers and the command line."""

from collections.abc import Iterable, Sequence

from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.results import AnsweredImage, AnsweringModel, CertifyResult, LabelVotes, PredictResult, Voted
from robustify.smoothing.algorithms import decide
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import CertifyRule, Selection, certify_rule
from robustify.smoothing.rules import settled_tally as settled_by_rule
from robustify.smoothing.sequential import decide_so_far
from robustify.smoothing.sequential import settled_tally as settled_prediction
from robustify.smoothing.statistics import RELATIVE_STEP
from robustify.types import Noise, Prediction, PredictTest


def predict_result(request: JobRequest, tally: Tally, seconds: float) -> PredictResult:
    """A label, or an abstention."""
    prediction = predicted(request, tally)
    return PredictResult(
        outcome="abstained" if prediction.index is None else "predicted",
        label=label_of(request, prediction.index),
        index=prediction.index,
        votes=label_votes(request, tally.votes),
        n=request.n,
        samples_used=tally.samples,
        alpha=request.alpha,
        test=request.test,
        p_value=prediction.p_value,
        sigma=request.sigma,
        noise=request.noise,
        model=answering_model(request),
        input=answered_image(request.image),
        seconds=seconds,
    )


def predicted(request: JobRequest, tally: Tally) -> Prediction:
    if request.test is PredictTest.SEQUENTIAL:
        return decide_so_far(tally.votes, tally.samples, request.n, request.alpha)
    return decide(tally.votes, request.n, request.alpha)


def certify_result(request: JobRequest, selection: Selection, tally: Tally, seconds: float) -> CertifyResult:
    """A label and a radius, or an outcome without one that still names the chosen label; its certificate is not issued
    yet. No label is named when not one selection sample voted.
    """
    verdict = certify_rule_of(request).verdict(selection, tally)
    index = selection.index if selection.is_supported else None
    return CertifyResult(
        outcome=verdict.outcome,
        label=label_of(request, index),
        index=index,
        radius=verdict.radius,
        radius_source_pixels=source_radius(verdict.radius, request),
        target_radius=request.target_radius,
        tolerance=request.tolerance,
        sigma=request.sigma,
        noise=request.noise,
        bound=request.bound,
        n0=request.n0,
        n=request.n,
        samples_used=request.n0 + tally.samples,
        alpha=request.alpha,
        p_lower=verdict.p_lower,
        p_upper=verdict.p_upper,
        selection_votes=label_votes(request, selection.votes),
        votes=label_votes(request, tally.votes),
        model=answering_model(request),
        input=answered_image(request.image),
        seconds=seconds,
    )


def addressed(outcome: Voted, request: JobRequest) -> Voted:
    """The stored outcome as the answer to this request: another file may have the same canonical tensor."""
    own = {"model": answering_model(request), "input": answered_image(request.image)}
    if isinstance(outcome, PredictResult):
        return outcome.model_copy(update=own)
    return outcome.model_copy(update={**own, "radius_source_pixels": source_radius(outcome.radius, request)})


def source_radius(radius: float | None, request: JobRequest) -> float | None:
    """The radius for the decoded pixels of the file, R / ||W||_2, rounded down.

    None with lattice noise: resize and crop of another picture give no whole levels.
    """
    if radius is None or request.noise is Noise.LATTICE:
        return None
    return radius / request.image.source_norm * (1 - RELATIVE_STEP)


def label_of(request: JobRequest, index: int | None) -> str | None:
    return None if index is None else request.labels[index]


def label_votes(request: JobRequest, votes: Sequence[int]) -> tuple[LabelVotes, ...]:
    """In the order of the labels."""
    return tuple(LabelVotes(label=label, count=int(count)) for label, count in zip(request.labels, votes, strict=True))


def answering_model(request: JobRequest) -> AnsweringModel:
    return AnsweringModel(
        profile=request.profile,
        fingerprint=request.fingerprint,
        task=request.task,
        version=request.version,
        adaptation=request.adaptation,
    )


def answered_image(image: InputImage) -> AnsweredImage:
    return AnsweredImage(sha256=image.sha256, height=image.height, width=image.width, source_sha256=image.source_sha256)


def certify_rule_of(request: JobRequest) -> CertifyRule:
    """The rule of a certificate."""
    return certify_rule(request.smoothing, request.bound, request.target_radius, request.tolerance, request.step)


def settled_tally(request: JobRequest, selection: Selection | None, parts: Iterable[Sequence[int]]) -> Tally | None:
    """The votes to answer with; None where more are needed than there are.

    `parts` are the votes between a look and the next, without a gap: `request.step` samples each, or all where the
    request has none. `selection` is that of a certificate.
    """
    if selection is None:
        return settled_prediction(parts, request.n, request.alpha, request.step or request.n)
    return settled_by_rule(certify_rule_of(request), selection, parts)
