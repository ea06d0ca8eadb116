"""From votes to the documents that clients read: pure functions, shared by the queue's workers and the command line."""

from collections.abc import Iterable, Sequence
from typing import Any

from adapters.contract.jobs import InputImage, JobRequest
from robustify.smoothing.algorithms import decide
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import CertifyRule, Selection, certify_rule
from robustify.smoothing.rules import settled_tally as settled_by_rule
from robustify.smoothing.sequential import decide_so_far
from robustify.smoothing.sequential import settled_tally as settled_prediction
from robustify.smoothing.statistics import RELATIVE_STEP
from robustify.types import Noise, Prediction, PredictTest

Document = dict[str, Any]


def predict_result(request: JobRequest, tally: Tally, seconds: float) -> Document:
    """`result` of a prediction: a label, or an abstention."""
    prediction = predicted(request, tally)
    return {
        "outcome": "abstained" if prediction.index is None else "predicted",
        **label_document(request, prediction.index),
        "votes": votes_document(request, tally.votes),
        "n": request.n,
        "samples_used": tally.samples,
        "alpha": request.alpha,
        "test": request.test.value,
        "p_value": prediction.p_value,
        "sigma": request.sigma,
        "noise": request.noise.value,
        "model": model_document(request),
        "input": input_document(request.image),
        "seconds": seconds,
    }


def predicted(request: JobRequest, tally: Tally) -> Prediction:
    if request.test is PredictTest.SEQUENTIAL:
        return decide_so_far(tally.votes, tally.samples, request.n, request.alpha)
    return decide(tally.votes, request.n, request.alpha)


def certify_result(request: JobRequest, selection: Selection, tally: Tally, seconds: float) -> Document:
    """`result` of a certification: a label and a radius, or an outcome without one that still names the chosen label.

    No label is named when not one selection sample voted.
    """
    verdict = rule_of(request).verdict(selection, tally)
    return {
        "outcome": verdict.outcome.value,
        **label_document(request, selection.index if selection.is_supported else None),
        "radius": verdict.radius,
        "radius_source_pixels": source_radius(verdict.radius, request),
        "target_radius": request.target_radius,
        "tolerance": request.tolerance,
        "sigma": request.sigma,
        "noise": request.noise.value,
        "bound": request.bound.value,
        "n0": request.n0,
        "n": request.n,
        "samples_used": request.n0 + tally.samples,
        "alpha": request.alpha,
        "p_lower": verdict.p_lower,
        "p_upper": verdict.p_upper,
        "selection_votes": votes_document(request, selection.votes),
        "votes": votes_document(request, tally.votes),
        "model": model_document(request),
        "input": input_document(request.image),
        "seconds": seconds,
        "certificate": None,
    }


def label_document(request: JobRequest, index: int | None) -> Document:
    return {"label": None if index is None else request.labels[index], "index": index}


def votes_document(request: JobRequest, votes: Sequence[int]) -> list[Document]:
    """In the order of the labels."""
    return [{"label": label, "count": int(count)} for label, count in zip(request.labels, votes, strict=True)]


def address(outcome: Document, request: JobRequest) -> Document:
    """The stored outcome as the answer to this request: another file may have the same canonical tensor."""
    addressed = {**outcome, "model": model_document(request), "input": input_document(request.image)}
    if "radius" in outcome:
        addressed["radius_source_pixels"] = source_radius(outcome["radius"], request)
    return addressed


def source_radius(radius: float | None, request: JobRequest) -> float | None:
    """The radius for the decoded pixels of the file, R / ||W||_2, rounded down.

    None with lattice noise: resize and crop of another picture give no whole levels.
    """
    if radius is None or request.noise is Noise.LATTICE:
        return None
    return radius / request.image.source_norm * (1 - RELATIVE_STEP)


def model_document(request: JobRequest) -> Document:
    return {
        "profile": request.profile,
        "fingerprint": request.fingerprint,
        "task": request.task,
        "version": request.version,
        "adaptation": request.adaptation,
    }


def input_document(image: InputImage) -> Document:
    return image.model_dump(include={"sha256", "height", "width", "source_sha256"})


def rule_of(request: JobRequest) -> CertifyRule:
    """The rule of a certificate."""
    return certify_rule(request.smoothing, request.bound, request.target_radius, request.tolerance, request.step)


def settled_tally(request: JobRequest, selection: Selection | None, parts: Iterable[Sequence[int]]) -> Tally | None:
    """The votes to answer with; None where more are needed than there are.

    `parts` are the votes between a look and the next, without a gap: `request.step` samples each, or all where the
    request has none. `selection` is that of a certificate.
    """
    if selection is None:
        return settled_prediction(parts, request.n, request.alpha, request.step or request.n)
    return settled_by_rule(rule_of(request), selection, parts)
