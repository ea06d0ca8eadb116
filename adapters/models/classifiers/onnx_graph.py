"""What an ONNX file says of the images that it takes, read without running it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from adapters.models.classifiers.onnx_file import locations, read_onnx
from adapters.profiles.options.onnx_model import Layout

COLOURS = 3
LAYOUTS: Sequence[tuple[Layout, int, int]] = (("NCHW", 1, 2), ("NHWC", 3, 1))
"""With the places of the channels and of the height, before the width."""
Dimension = int | None
"""None where it may be any."""


@dataclass(frozen=True)
class OnnxImages:
    """`layout` and `side`: of its one input, as far as the file fixes them. `data`: the files of its tensors beside."""

    layout: Layout = "NCHW"
    side: int | None = None
    data: Sequence[str] = ()


def images_of(path: Path) -> OnnxImages:
    """Raises ModelFilesError for a file that is no ONNX model."""
    model = read_onnx(path)
    data = sorted(set(locations(model)))
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [taken for taken in model.graph.input if taken.name not in weights]
    dimensions = dimensions_of(inputs[0]) if len(inputs) == 1 else ()
    for layout, channels, height in LAYOUTS:
        if len(dimensions) == 4 and dimensions[channels] == COLOURS:
            is_square = dimensions[height] == dimensions[height + 1]
            return OnnxImages(layout, dimensions[height] if is_square else None, data)
    return OnnxImages(data=data)


def dimensions_of(taken: onnx.ValueInfoProto) -> Sequence[Dimension]:
    return [
        dimension.dim_value if dimension.HasField("dim_value") else None
        for dimension in taken.type.tensor_type.shape.dim
    ]
