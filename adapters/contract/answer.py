"""From votes to the answer that clients read: pure functions, shared by the queue's workers and the command line."""

from collections.abc import Sequence

from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.results import AnsweredImage, AnsweringModel, CertifyResult, LabelVotes, PredictResult, Voted
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.looks import Tally
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.rules import CertifyRule, PredictRule, Selection, StoppingRule
from robustify.smoothing.statistics import source_radius


def predict_result(request: JobRequest, tally: Tally, seconds: float) -> PredictResult:
    """A label, or an abstention."""
    prediction = predict_rule_of(request).prediction(tally)
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
        radius_source_pixels=source_radius(verdict.radius, request.image.source_norm, request.noise),
        target_radius=request.target_radius,
        tolerance=request.tolerance,
        sigma=request.sigma,
        noise=request.noise,
        bound=request.bound,
        n0=request.n0,
        n=request.n,
        selection_samples=selection.samples,
        samples_used=selection.samples + tally.samples,
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
    of_file = source_radius(outcome.radius, request.image.source_norm, request.noise)
    return outcome.model_copy(update={**own, "radius_source_pixels": of_file})


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
    return AnsweredImage(
        sha256=image.sha256,
        height=image.height,
        width=image.width,
        source_sha256=image.source_sha256,
        reduced_by=image.reduced_by,
    )


def predict_rule_of(request: JobRequest) -> PredictRule:
    """The rule of a prediction."""
    return predict_rule(request.test, request.n, request.alpha, request.looks)


def selection_rule_of(request: JobRequest) -> StoppingRule:
    """When a certificate's class is chosen."""
    return certify_rule_of(request).selecting


def certify_rule_of(request: JobRequest) -> CertifyRule:
    """The rule of a certificate."""
    return certify_rule(
        request.smoothing,
        request.bound,
        request.target_radius,
        request.tolerance,
        request.looks,
        request.selection_looks,
    )
