"""From votes to the answer that clients read: pure functions, shared by the queue's workers and the command line."""

from collections.abc import Sequence
from typing import TypeVar

from adapters.contract.jobs import InputImage, JobRequest, PreviewRequest
from adapters.contract.results import (
    AnsweredImage,
    AnsweringModel,
    AnyVoted,
    CertifyResult,
    CertifySetsResult,
    CertifySigmasResult,
    LabelVotes,
    PredictResult,
    SetAnswer,
    SigmaAnswer,
    TogetherResult,
)
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.label_sets import LabelSets, label_sets_rule, votes_of_sets
from robustify.smoothing.looks import Tally
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.rules import CertifyRule, Outcome, PredictRule, Selection, StoppingRule, Verdict
from robustify.smoothing.sigmas import answering, sigmas_rule
from robustify.smoothing.statistics import source_radius

AboutFile = TypeVar("AboutFile", CertifyResult, CertifySigmasResult, SetAnswer, SigmaAnswer)


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


def together_result(
    request: JobRequest, selections: Sequence[Selection], tally: Tally, seconds: float
) -> TogetherResult:
    """Of several label sets, or at several sigmas."""
    made = certify_sets_result if request.label_sets else certify_sigmas_result
    return made(request, selections, tally, seconds)


def certify_sets_result(
    request: JobRequest, selections: Sequence[Selection], tally: Tally, seconds: float
) -> CertifySetsResult:
    """As `certify_result`, of several label sets: an answer for each."""
    rule = together_rule_of(request)
    parts = votes_of_sets(tally.votes, request.sizes)
    found = zip(request.label_sets, selections, parts, rule.verdicts(selections, tally), strict=True)
    answers = tuple(set_answer(request, *of_set) for of_set in found)
    certified = any(answer.radius is not None for answer in answers)
    return CertifySetsResult(
        outcome=Outcome.CERTIFIED if certified else Outcome.ABSTAINED,
        sets=answers,
        bound=request.bound,
        n0=request.n0,
        n=request.n,
        selection_samples=selections[0].samples,
        samples_used=selections[0].samples + tally.samples,
        alpha=request.alpha,
        alpha_each=rule.alpha_each,
        sigma=request.sigma,
        noise=request.noise,
        model=answering_model(request),
        input=answered_image(request.image),
        seconds=seconds,
    )


def certify_sigmas_result(
    request: JobRequest, selections: Sequence[Selection], tally: Tally, seconds: float
) -> CertifySigmasResult:
    """As `certify_result`, at several sigmas: the answer of the one with the largest radius, and those of all."""
    rule = together_rule_of(request)
    verdicts = rule.verdicts(selections, tally)
    parts = votes_of_sets(tally.votes, request.sizes)
    each = [
        set_answer(request, request.labels, *of_sigma) for of_sigma in zip(selections, parts, verdicts, strict=True)
    ]
    best = answering(verdicts)
    return CertifySigmasResult(
        outcome=each[best].outcome,
        label=each[best].label,
        index=each[best].index,
        radius=each[best].radius,
        radius_source_pixels=each[best].radius_source_pixels,
        sigma=request.sigmas[best],
        sigmas=tuple(SigmaAnswer(sigma=sigma, **dict(one)) for sigma, one in zip(request.sigmas, each, strict=True)),
        bound=request.bound,
        n0=request.n0,
        n=request.n,
        selection_samples=selections[0].samples,
        samples_used=selections[0].samples + tally.samples,
        alpha=request.alpha,
        alpha_each=rule.alpha_each,
        noise=request.noise,
        model=answering_model(request),
        input=answered_image(request.image),
        seconds=seconds,
    )


def set_answer(
    request: JobRequest, labels: Sequence[str], selection: Selection, votes: Sequence[int], verdict: Verdict
) -> SetAnswer:
    """In one label set, or at one sigma."""
    index = selection.index if selection.is_supported else None
    return SetAnswer(
        outcome=verdict.outcome,
        label=None if index is None else labels[index],
        index=index,
        radius=verdict.radius,
        radius_source_pixels=source_radius(verdict.radius, request.image.source_norm, request.noise),
        p_lower=verdict.p_lower,
        p_upper=verdict.p_upper,
        selection_votes=votes_for(labels, selection.votes),
        votes=votes_for(labels, votes),
    )


def addressed(outcome: AnyVoted, request: JobRequest) -> AnyVoted:
    """The stored outcome as the answer to this request: another file may have the same canonical tensor."""
    own = {"model": answering_model(request), "input": answered_image(request.image)}
    if isinstance(outcome, PredictResult):
        return outcome.model_copy(update=own)
    if isinstance(outcome, CertifySetsResult):
        return outcome.model_copy(update={**own, "sets": tuple(of_file(one, request) for one in outcome.sets)})
    if isinstance(outcome, CertifySigmasResult):
        each = tuple(of_file(one, request) for one in outcome.sigmas)
        return of_file(outcome.model_copy(update={**own, "sigmas": each}), request)
    return of_file(outcome.model_copy(update=own), request)


def of_file(answer: AboutFile, request: JobRequest) -> AboutFile:
    """With the radius for the pixels of this request's file."""
    radius = source_radius(answer.radius, request.image.source_norm, request.noise)
    return answer.model_copy(update={"radius_source_pixels": radius})


def label_of(request: JobRequest, index: int | None) -> str | None:
    return None if index is None else request.labels[index]


def label_votes(request: JobRequest, votes: Sequence[int]) -> tuple[LabelVotes, ...]:
    """In the order of the labels."""
    return votes_for(request.labels, votes)


def votes_for(labels: Sequence[str], votes: Sequence[int]) -> tuple[LabelVotes, ...]:
    return tuple(LabelVotes(label=label, count=int(count)) for label, count in zip(labels, votes, strict=True))


def answering_model(request: JobRequest | PreviewRequest) -> AnsweringModel:
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
    """When a certificate's class is chosen, or its classes."""
    return together_rule_of(request).selecting if request.has_sets else certify_rule_of(request).selecting


def together_rule_of(request: JobRequest) -> LabelSets:
    """The rule of a certificate of several label sets, or at several sigmas."""
    if request.label_sets:
        return label_sets_rule(request.smoothing, request.sizes, request.bound, request.selection_looks)
    each = [request.smoothing_at(sigma) for sigma in request.sigmas]
    return sigmas_rule(each, len(request.labels), request.bound, request.selection_looks)


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
