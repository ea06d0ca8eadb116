"""An ONNX file before it is run: what it refers to outside itself stays inside its folder."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from robustify.errors import ModelFilesError


def check_onnx_file(path: Path) -> None:
    """Raises ModelFilesError where the file is missing or damaged, or has tensors in files outside its folder."""
    folder = path.parent.resolve()
    for location in sorted(set(locations(read_onnx(path)))):
        file = (folder / location).resolve()
        if not file.is_relative_to(folder):
            raise ModelFilesError(f"{path.name} has tensors in a file outside its folder: save it with its data beside")
        if not file.is_file():
            raise ModelFilesError(f"{path.name} has tensors in {Path(location).name}, which is missing: restore it")


def read_onnx(path: Path) -> onnx.ModelProto:
    """Without the tensors that are in other files."""
    try:
        return onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelFilesError(f"the classifier has no readable {path.name}: restore the models") from error
    except (DecodeError, ValueError) as error:
        raise ModelFilesError(f"{path.name} is no ONNX model, or damaged: restore the models") from error


def locations(model: onnx.ModelProto) -> Iterator[str]:
    """Of all tensors that are in other files: those of the graph, of graphs inside its nodes, and of its functions."""
    yield from locations_in(model.graph)
    for function in model.functions:
        yield from locations_of_nodes(function.node)


def locations_in(graph: onnx.GraphProto) -> Iterator[str]:
    sparse = [tensor for pair in graph.sparse_initializer for tensor in (pair.values, pair.indices)]
    yield from locations_of([*graph.initializer, *sparse])
    yield from locations_of_nodes(graph.node)


def locations_of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    for node in nodes:
        for attribute in node.attribute:
            yield from locations_of([attribute.t, *attribute.tensors])
            for graph in (attribute.g, *attribute.graphs):
                yield from locations_in(graph)


def locations_of(tensors: Iterable[onnx.TensorProto]) -> Iterator[str]:
    for tensor in tensors:
        if uses_external_data(tensor):
            yield ExternalDataInfo(tensor).location
