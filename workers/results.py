"""From votes to the documents that clients read: pure functions, shared by the queue's workers and the command line."""

from collections.abc import Sequence
from typing import Any

from adapters.queue.messages import JobRequest
from adapters.queue.outcomes import input_document, model_document, source_radius
from robustify.smoothing.algorithms import bound_radius, decide

Document = dict[str, Any]


def predict_result(request: JobRequest, votes: Sequence[int], seconds: float) -> Document:
    """`result` of a prediction: a label, or an abstention."""
    prediction = decide(votes, request.n, request.alpha)
    return {
        "outcome": "abstained" if prediction.index is None else "predicted",
        **label_document(request, prediction.index),
        "votes": votes_document(request, votes),
        "n": request.n,
        "alpha": request.alpha,
        "p_value": prediction.p_value,
        "sigma": request.sigma,
        "model": model_document(request),
        "input": input_document(request.image),
        "seconds": seconds,
    }


def certify_result(
    request: JobRequest, index: int, selection_votes: Sequence[int], votes: Sequence[int], seconds: float
) -> Document:
    """`result` of a certification: a label and a radius, or an abstention that still names the chosen label.

    No label is named when not one selection sample voted.
    """
    certificate = bound_radius(index, selection_votes, votes, request.smoothing)
    return {
        "outcome": "abstained" if certificate.radius is None else "certified",
        **label_document(request, index if any(selection_votes) else None),
        "radius": certificate.radius,
        "radius_source_pixels": source_radius(certificate.radius, request.image),
        "sigma": request.sigma,
        "bound": certificate.bound,
        "n0": request.n0,
        "n": request.n,
        "samples_used": request.n0 + request.n,
        "alpha": request.alpha,
        "p_lower": certificate.p_lower,
        "selection_votes": votes_document(request, selection_votes),
        "votes": votes_document(request, votes),
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
