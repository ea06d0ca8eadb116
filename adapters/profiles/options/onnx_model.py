"""Options of classifiers in an ONNX file."""

from typing import Literal

from pydantic import Field

from adapters.profiles.options.preparing import PreparingOptions

Layout = Literal["NCHW", "NHWC"]
Range = Literal["0..1", "0..255", "-1..1"]
ChannelOrder = Literal["RGB", "BGR"]


class OnnxOptions(PreparingOptions):
    """What its file does not say. `mean` and `std` are in the units of `range`, and applied after it."""

    file: str = Field(
        "model.onnx", pattern=r"^[A-Za-z0-9_][\w.-]*\.onnx$", description="Name of the file in the classifier's folder."
    )
    layout: Layout = Field("NCHW", description="Order of the input's dimensions.")
    range: Range = Field("0..1", description="What black and white are to the model.")
    channels: ChannelOrder = Field("RGB", description="Order of the colours.")
    input: str | None = Field(None, max_length=200, description="Name of the input; by default the only one.")
    output: str | None = Field(None, max_length=200, description="Name of the logits; by default the only output.")
