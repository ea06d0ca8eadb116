"""A result and the request that asks for it: what of a stored outcome depends on the uploaded file."""

from typing import Any

from adapters.queue.messages import InputImage, JobRequest
from robustify.smoothing.statistics import RELATIVE_STEP
from robustify.types import Noise

Document = dict[str, Any]


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
