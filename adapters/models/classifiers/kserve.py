"""A model server that speaks KServe's V2 protocol (Triton, OpenVINO, MLServer, TorchServe) as a black box.

One POST to `/v2/models/NAME/infer` for each image, a batch of one: the server's own batching is not part of f. The
answer is a class index, or a logit for each class of the profile.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from adapters.contract.labels import class_indices
from adapters.models.classifiers.black_box_contracts import Asked, json_in
from adapters.profiles.options.remote import RemoteOptions
from robustify.errors import ModelError
from robustify.types import Task

HEADER_LENGTH = "Inference-Header-Content-Length"
DATATYPES: Mapping[str, np.dtype[np.generic]] = {
    name: np.dtype(kind)
    for name, kind in {
        "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
        "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
        "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    }.items()
}  # fmt: skip
LEVELS = 255


@dataclass(frozen=True)
class KServe:
    """A model whose logits, or class indices, stand for `class_names`, in order."""

    options: RemoteOptions
    class_names: Sequence[str]

    @staticmethod
    def of(options: RemoteOptions | None, class_names: Sequence[str] | None) -> "KServe":
        """Raises ModelError where the profile lacks something."""
        if options is None or options.model is None:
            raise ModelError("the profile does not name the model at the address: set model in [classifier.options]")
        if class_names is None:
            raise ModelError("the profile does not name the classes of the model at the address")
        return KServe(options, class_names)

    def asked_for(self, task: Task) -> Asked:
        """Raises InvalidInputError for a label that is none of the classes."""
        return KServeQuestion(self, task.labels, class_indices(self.class_names, task.labels))


@dataclass(frozen=True)
class KServeQuestion:
    """`chosen`: the class of each label."""

    server: KServe
    labels: tuple[str, ...]
    chosen: Sequence[int]

    def post(self, client: httpx.Client, url: str, pixels: np.ndarray) -> httpx.Response:
        content, headers = body_of(tensor_of(pixels, self.server.options), self.server.options)
        return client.post(address_of(url, self.server.options), content=content, headers=headers)

    def label_in(self, answer: httpx.Response) -> str | None:
        values = output_in(answer, self.server.options.output)
        if values is None:
            return None
        if values.size == 1 and np.issubdtype(values.dtype, np.integer):
            return self.label_of_class(int(values.reshape(())))
        return self.label_of_logits(values.reshape(-1).astype(np.float64))

    def label_of_class(self, index: int) -> str | None:
        """None for a class that was not asked about: the model has no second choice."""
        return self.labels[self.chosen.index(index)] if index in self.chosen else None

    def label_of_logits(self, logits: np.ndarray) -> str | None:
        """Of the chosen classes alone; None where their number is wrong or one is not finite."""
        if len(logits) != len(self.server.class_names):
            return None
        ours = logits[list(self.chosen)]
        return self.labels[int(ours.argmax())] if np.isfinite(ours).all() else None


def address_of(url: str, options: RemoteOptions) -> str:
    version = "" if options.version is None else f"/versions/{options.version}"
    return f"{url.rstrip('/')}/v2/models/{options.model}{version}/infer"


def tensor_of(pixels: np.ndarray, options: RemoteOptions) -> np.ndarray:
    """(1, 3, H, W) or (1, H, W, 3): pixels of 8 bits as they are, or in [0, 1] less the mean, over the deviation."""
    tensor = pixels if options.datatype == "UINT8" else normalised(pixels, options)
    ordered = tensor.transpose(2, 0, 1) if options.layout == "NCHW" else tensor
    return np.ascontiguousarray(ordered[None])


def normalised(pixels: np.ndarray, options: RemoteOptions) -> np.ndarray:
    mean, std = (np.asarray(values, dtype=np.float32) for values in (options.mean, options.std))
    scaled: np.ndarray = (pixels.astype(np.float32) / np.float32(LEVELS) - mean) / std
    return scaled


def body_of(tensor: np.ndarray, options: RemoteOptions) -> tuple[bytes, dict[str, str]]:
    """The request and its headers: JSON alone, or JSON and then the bytes of the tensor."""
    described = {"name": options.input, "shape": list(tensor.shape), "datatype": options.datatype}
    if not options.binary:
        document = {"inputs": [{**described, "data": tensor.reshape(-1).tolist()}], **wanted(options, False)}
        return json.dumps(document).encode(), {"Content-Type": "application/json"}
    content = tensor.astype(DATATYPES[options.datatype]).tobytes()
    inputs = [{**described, "parameters": {"binary_data_size": len(content)}}]
    head = json.dumps({"inputs": inputs, **wanted(options, True)}).encode()
    return head + content, {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(head))}


def wanted(options: RemoteOptions, binary: bool) -> dict[str, object]:
    """Which output is asked for; without its name, whatever the server gives."""
    if options.output is None:
        return {"parameters": {"binary_data_output": True}} if binary else {}
    return {"outputs": [{"name": options.output, **({"parameters": {"binary_data": True}} if binary else {})}]}


def output_in(answer: httpx.Response, name: str | None) -> np.ndarray | None:
    """The numbers of the output of that name, or of the first; None where there is none that can be read."""
    try:
        return read_output(answer, name)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        return None


def read_output(answer: httpx.Response, name: str | None) -> np.ndarray:
    """Raises whatever a body of a stranger's raises."""
    length = answer.headers.get(HEADER_LENGTH)
    head = json_in(answer) if length is None else json.loads(answer.content[: int(length)])
    rest = b"" if length is None else answer.content[int(length) :]
    if not isinstance(head, dict):
        raise ValueError("the answer is no JSON object")
    for output in head["outputs"]:
        size = (output.get("parameters") or {}).get("binary_data_size")
        data, rest = (None, rest) if size is None else (rest[: int(size)], rest[int(size) :])
        if name in (None, output["name"]):
            return numbers_of(output, data)
    raise KeyError(name)


def numbers_of(output: Mapping[str, Any], data: bytes | None) -> np.ndarray:  # Any: JSON of a stranger's.
    kind, count = DATATYPES[output["datatype"]], math.prod(output["shape"])
    values = np.array(output["data"], dtype=kind) if data is None else np.frombuffer(data, dtype=kind)
    if values.size != count:
        raise ValueError(f"{values.size} numbers for {count}")
    return values
