"""A model server with KServe's V2 protocol as a black box, behind real HTTP."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from adapters.models.classifiers.black_box import BlackBox
from adapters.profiles.options.remote import RemoteOptions
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelError
from robustify.types import Task
from tests.unit.adapters.models.classifiers.model_servers import Answer, ModelServer, Request

LENGTH = "Inference-Header-Content-Length"
CLASSES = ("dark", "grey", "bright")
TASK = Task(("bright", "dark"))
IMAGES = torch.tensor([0.1, 0.9]).view(2, 1, 1, 1).expand(2, 3, 4, 6).contiguous()
VOTES = [[0, 1], [1, 0]]
KINDS = {"FP32": np.float32, "UINT8": np.uint8, "INT64": np.int64, "FP16": np.float16}


def votes(
    respond: Callable[[Request], Answer], task: Task = TASK, classes: tuple[str, ...] = CLASSES, **options: Any
) -> tuple[Any, list[Request]]:
    with ModelServer(respond) as server:
        settings = Settings(classifier_url=f"{server.url}/", classifier_contract="kserve-v2", classifier_calls=1)
        black_box = BlackBox.from_settings(settings, RemoteOptions(model="brightness", **options), classes)
        with black_box.client:
            return black_box.for_task(task)(IMAGES).tolist(), server.requests


def tensor_in(request: Request) -> np.ndarray:
    """The one tensor of a request, in JSON or as bytes, as the protocol has it."""
    length = request.headers.get(LENGTH)
    head = json.loads(request.body if length is None else request.body[: int(length)])
    (described,) = head["inputs"]
    kind = KINDS[described["datatype"]]
    if length is None:
        return np.array(described["data"], dtype=kind).reshape(described["shape"])
    content = request.body[int(length) :]
    assert described["parameters"]["binary_data_size"] == len(content)
    return np.frombuffer(content, dtype=kind).reshape(described["shape"])


def logits_of(tensor: np.ndarray, white: float = 1.0) -> np.ndarray:
    bright = float(tensor.mean()) / white
    return np.array([[1 - bright, 0.95, bright]])


def answer(values: np.ndarray, datatype: str, binary: bool, before: bool = False) -> Answer:
    """One output, or another one before it."""
    outputs = [("other", np.zeros((1, 2))), ("logits", values)] if before else [("logits", values)]
    described, content = [], b""
    for name, found in outputs:
        output: dict[str, Any] = {"name": name, "shape": list(found.shape), "datatype": datatype}
        part = found.astype(KINDS[datatype])
        if binary:
            content += part.tobytes()
            output["parameters"] = {"binary_data_size": part.nbytes}
        else:
            output["data"] = part.reshape(-1).tolist()
        described.append(output)
    head = json.dumps({"model_name": "brightness", "outputs": described}).encode()
    return Answer(head + content, {LENGTH: str(len(head))} if binary else {})


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("datatype", ["FP32", "UINT8"])
def test_logits_when_all_goes_well(binary: bool, datatype: str) -> None:
    """The best of the asked classes is the vote, however tensors travel; pixels are in the range of their type."""
    white = 255.0 if datatype == "UINT8" else 1.0
    found, requests = votes(
        lambda request: answer(logits_of(tensor_in(request), white), "FP32", binary), datatype=datatype, binary=binary
    )
    assert found == VOTES
    assert requests[0].path == "/v2/models/brightness/infer"
    expected = np.full((1, 3, 4, 6), 26 if datatype == "UINT8" else np.float32(26) / np.float32(255))
    np.testing.assert_array_equal(tensor_in(requests[0]), expected)


def test_index_when_the_model_answers_with_a_class() -> None:
    """It is a vote where it was asked about; another class is none."""
    index = {True: np.array([[2]]), False: np.array([[1]])}
    found, _ = votes(lambda request: answer(index[tensor_in(request).mean() > 0.5], "INT64", True))
    assert np.isnan(found[0]).all()
    assert found[1] == [1, 0]


def test_tensor_when_the_profile_describes_it() -> None:
    """Version, names, order and normalisation are as the profile has them."""
    options: dict[str, Any] = {"version": "3", "input": "pixels", "output": "logits", "layout": "NHWC", "binary": False}
    mean, std = (0.5, 0.25, 0.0), (0.5, 0.5, 2.0)
    found, requests = votes(
        lambda request: answer(np.array([[0.0, 2.0, 1.0]]), "FP16", False, before=True), mean=mean, std=std, **options
    )
    assert found == [[1, 0], [1, 0]]
    assert requests[0].path == "/v2/models/brightness/versions/3/infer"
    document = json.loads(requests[0].body)
    assert (document["inputs"][0]["name"], document["outputs"]) == ("pixels", [{"name": "logits"}])
    tensor = tensor_in(requests[0])
    assert tensor.shape == (1, 4, 6, 3)
    np.testing.assert_allclose(tensor[0, 0, 0], (26 / 255 - np.array(mean)) / np.array(std), rtol=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        Answer(b"<html>"),
        Answer(b"{}"),
        Answer(b"[1]"),
        Answer(b'{"outputs": []}'),
        Answer(b'{"outputs": [{"name": "logits", "shape": [1, 3], "datatype": "FP32", "data": [1, 2]}]}'),
        Answer(b'{"outputs": [{"name": "logits", "shape": [1, 3], "datatype": "BYTES", "data": ["a", "b", "c"]}]}'),
        Answer(b'{"outputs": [{"name": "logits", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'),
        Answer(b'{"outputs": [{"name": "logits", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, NaN]}]}'),
        Answer(b'{"outputs": [{"name": "logits", "shape": [1], "datatype": "INT64", "data": [7]}]}'),
        Answer(b'{"outputs": [{"name": "logits", "shape": [1], "datatype": "INT64", "data": [-1]}]}'),
        Answer(b"{}", {LENGTH: "many"}),
        Answer(b"[" * 100_000),
        Answer(b"", status=404),
    ],
)
def test_answer_that_is_no_vote(given: Answer) -> None:
    """NaN, which counts against every class, and no exception."""
    assert np.isnan(votes(lambda request: given)[0]).all()


def test_label_that_is_none_of_the_classes() -> None:
    """It is refused, and the server is not asked."""
    with pytest.raises(InvalidInputError, match="none of the 3 classes"):
        votes(lambda request: Answer(b"{}"), Task(("dark", "blue")))


def test_profile_without_classes() -> None:
    """ModelError that says so."""
    settings = Settings(classifier_url="http://127.0.0.1:9", classifier_contract="kserve-v2")
    with pytest.raises(ModelError, match="does not name the classes"):
        BlackBox.from_settings(settings, RemoteOptions(model="brightness"), None)


@pytest.mark.parametrize(
    "options",
    [
        {"modle": "brightness"},
        {"model": "a/../b"},
        {"datatype": "FP8"},
        {"std": [1.0, 0.0, 1.0]},
        {"mean": [0.5, 0.5]},
        {"binary": "yes"},
    ],
)
def test_options_that_are_refused(options: dict[str, Any]) -> None:
    """A key that is not known, a name that would reach another path, and values out of range."""
    with pytest.raises(ValidationError):
        RemoteOptions.model_validate(options)
