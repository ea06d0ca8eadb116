"""From votes to the documents that clients read: pure functions, shared by the queue's workers and the command line."""

from collections.abc import Sequence
from typing import Any

from adapters.queue.messages import JobRequest
from adapters.queue.outcomes import input_document, model_document, source_radius
from robustify.smoothing.algorithms import decide
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import Selection
from robustify.smoothing.sequential import decide_so_far
from robustify.types import Prediction, PredictTest
from workers.stopping import rule_of

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
