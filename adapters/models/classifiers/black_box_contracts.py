"""The contracts that a black box may have: how one image is sent to it, and which label its answer is."""

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx
import numpy as np
from PIL import Image

from adapters.contract.labels import case_folded
from robustify.errors import InvalidInputError
from robustify.types import Task


class Asked(Protocol):
    """One task's question: `pixels` are (H, W, 3) uint8; the label is one of the task's, or None for no vote."""

    def post(self, client: httpx.Client, url: str, pixels: np.ndarray) -> httpx.Response: ...

    def label_in(self, answer: httpx.Response) -> str | None: ...


class Contract(Protocol):
    """From a task to how it is asked. Raises InvalidInputError for what the black box cannot be asked."""

    def asked_for(self, task: Task) -> Asked: ...


@dataclass(frozen=True)
class OurContract:
    """`image` (PNG) and `labels` as a multipart form, answered with `{"label": ...}` or, as this service's own
    `/predict` does, `{"result": {"label": ...}}`.
    """

    def asked_for(self, task: Task) -> Asked:
        return OurQuestion(task.labels)


@dataclass(frozen=True)
class OurQuestion:
    labels: tuple[str, ...]

    def post(self, client: httpx.Client, url: str, pixels: np.ndarray) -> httpx.Response:
        image = ("image.png", png_of(pixels), "image/png")
        return client.post(url, files={"image": image}, data={"labels": list(self.labels)})

    def label_in(self, answer: httpx.Response) -> str | None:
        body = json_in(answer)
        body = body.get("result", body) if isinstance(body, Mapping) else None
        label = body.get("label") if isinstance(body, Mapping) else None
        return label if isinstance(label, str) and label in self.labels else None


@dataclass(frozen=True)
class HuggingFaceClasses:
    """Hugging Face's image classification: the bytes of a PNG, answered with `[{"label": ..., "score": ...}, ...]`.

    The labels are among the model's own classes. Where it tells its best ones only, and none of the task's is among
    these, there is no vote.
    """

    def asked_for(self, task: Task) -> Asked:
        return HuggingFaceQuestion(task.labels)


@dataclass(frozen=True)
class HuggingFaceQuestion:
    labels: tuple[str, ...]

    def post(self, client: httpx.Client, url: str, pixels: np.ndarray) -> httpx.Response:
        return client.post(url, content=png_of(pixels), headers={"Content-Type": "image/png"})

    def label_in(self, answer: httpx.Response) -> str | None:
        return best_of(self.labels, scores_in(json_in(answer)))


@dataclass(frozen=True)
class HuggingFaceZeroShot:
    """Hugging Face's zero-shot image classification: the PNG in base64, the labels and the template as JSON."""

    def asked_for(self, task: Task) -> Asked:
        if task.templates:
            raise InvalidInputError("the black box takes one template: leave out the others", field="templates")
        return ZeroShotQuestion(task.labels, task.template)


@dataclass(frozen=True)
class ZeroShotQuestion:
    labels: tuple[str, ...]
    template: str

    def post(self, client: httpx.Client, url: str, pixels: np.ndarray) -> httpx.Response:
        parameters = {"candidate_labels": list(self.labels), "hypothesis_template": self.template}
        inputs = base64.b64encode(png_of(pixels)).decode()
        return client.post(url, json={"inputs": inputs, "parameters": parameters})

    def label_in(self, answer: httpx.Response) -> str | None:
        return best_of(self.labels, scores_in(json_in(answer)))


def scores_in(body: object) -> list[tuple[str, float]]:
    """Labels with their scores, as far as the answer has them; some servers put the list into another one."""
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], list):
        body = body[0]
    items = body if isinstance(body, list) else []
    found = (score_in(item) for item in items if isinstance(item, Mapping))
    return [pair for pair in found if pair is not None]


def score_in(item: Mapping[object, object]) -> tuple[str, float] | None:
    label, score = item.get("label"), item.get("score")
    if not isinstance(label, str) or isinstance(score, bool) or not isinstance(score, int | float):
        return None
    return (label, score) if math.isfinite(score) else None


def best_of(labels: Sequence[str], scores: Iterable[tuple[str, float]]) -> str | None:
    """The label of the highest score, whatever its case and spaces; of equal ones, the first that was answered."""
    known = {case_folded(label): label for label in labels}
    ours = [(known[case_folded(label)], score) for label, score in scores if case_folded(label) in known]
    return max(ours, key=lambda found: found[1])[0] if ours else None


def json_in(answer: httpx.Response) -> object:
    """The body; None where it is no JSON."""
    try:
        body: object = answer.json()
    except (ValueError, RecursionError):
        return None
    return body


def png_of(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
