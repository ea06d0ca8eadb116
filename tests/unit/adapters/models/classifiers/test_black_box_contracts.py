"""Black boxes with Hugging Face's contracts, behind real HTTP."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.models.classifiers.black_box import BlackBox
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelError
from robustify.types import Task
from tests.unit.adapters.models.classifiers.model_servers import Answer, ModelServer, Request

TASK = Task(("dark", "bright"), "a {} picture")
IMAGES = torch.tensor([0.1, 0.9]).view(2, 1, 1, 1).expand(2, 3, 8, 8)
CLASSES, ZERO_SHOT = "hf-image-classification", "hf-zero-shot"


def votes(respond: Callable[[Request], Answer], contract: str, task: Task = TASK) -> tuple[Any, list[Request]]:
    """What the black box's answers are as votes, and what it was asked."""
    with ModelServer(respond) as server:
        settings = Settings(classifier_url=server.url, classifier_contract=contract, classifier_calls=1)
        black_box = BlackBox.from_settings(settings)
        with black_box.client:
            return black_box.for_task(task)(IMAGES).tolist(), server.requests


def brightness(png: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(png))).mean() / 255)


def scores_of(png: bytes) -> list[dict[str, Any]]:
    bright = brightness(png)
    scores = {"grey": 0.2, "Bright": bright, "dark ": 1 - bright}
    return [{"label": label, "score": score} for label, score in sorted(scores.items(), key=lambda item: -item[1])]


def as_json(document: object) -> Answer:
    return Answer(json.dumps(document).encode())


@pytest.mark.parametrize("nested", [False, True])
def test_classes_when_all_goes_well(nested: bool) -> None:
    """A picture is posted as it is; the best of the asked labels is the vote, whatever its case and spaces."""

    def respond(request: Request) -> Answer:
        scores = scores_of(request.body)
        return as_json([scores] if nested else scores)

    found, requests = votes(respond, CLASSES)
    assert found == [[1, 0], [0, 1]]
    assert {request.headers["Content-Type"] for request in requests} == {"image/png"}


def test_zero_shot_when_all_goes_well() -> None:
    """The picture is in base64, beside the labels and the template."""

    def respond(request: Request) -> Answer:
        return as_json(scores_of(base64.b64decode(json.loads(request.body)["inputs"])))

    found, requests = votes(respond, ZERO_SHOT)
    assert found == [[1, 0], [0, 1]]
    parameters = json.loads(requests[0].body)["parameters"]
    assert parameters == {"candidate_labels": ["dark", "bright"], "hypothesis_template": "a {} picture"}


@pytest.mark.parametrize("contract", [CLASSES, ZERO_SHOT])
@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"error": "loading"}',
        b'[{"label": "grey", "score": 1}]',
        b'[{"label": "dark", "score": "1"}]',
        b'[{"label": "dark", "score": NaN}]',
        b'[{"label": "dark", "score": true}]',
        b'[{"label": 3, "score": 1}, 4]',
        b"[[[]]]",
        b"[" * 100_000,
    ],
)
def test_answer_that_is_no_vote(contract: str, body: bytes) -> None:
    """NaN, which counts against every class."""
    found, _ = votes(lambda request: Answer(body), contract)
    assert np.isnan(found).all()


def test_scores_that_are_equal() -> None:
    """The first that was answered is the vote, so that the same answer is the same vote."""
    tied = [{"label": "bright", "score": 0.5}, {"label": "dark", "score": 0.5}]
    assert votes(lambda request: as_json(tied), CLASSES)[0] == [[0, 1], [0, 1]]


def test_zero_shot_when_there_are_several_templates() -> None:
    """They are refused: the contract has room for one."""
    with pytest.raises(InvalidInputError, match="takes one template"):
        votes(lambda request: as_json([]), ZERO_SHOT, Task.of(TASK.labels, ["a {}", "the {}"]))


def test_kserve_when_the_profile_says_nothing_of_it() -> None:
    """ModelError that names what is missing."""
    with pytest.raises(ModelError, match="does not name the model"):
        votes(lambda request: as_json([]), "kserve-v2")
