"""Options of a black box behind KServe's V2 protocol; the other contracts need none."""

from typing import Literal

from pydantic import Field

from adapters.profiles.options.preparing import Deviations, Means, Options

Layout = Literal["NCHW", "NHWC"]
Datatype = Literal["FP32", "UINT8"]
NAME = r"^[A-Za-z0-9_][\w.-]*$"


class RemoteOptions(Options):
    """What a model server is asked for; `mean` and `std` are of FP32 alone, whose pixels are in [0, 1] before."""

    model: str | None = Field(None, pattern=NAME, max_length=200, description="Name of the model at the address.")
    version: str | None = Field(None, pattern=NAME, max_length=50, description="Its version; by default the server's.")
    input: str = Field("input", min_length=1, max_length=200, description="Name of its input.")
    output: str | None = Field(None, max_length=200, description="Name of its output; by default the first one.")
    datatype: Datatype = Field("FP32", description="What the input is made of; UINT8 has pixels from 0 to 255.")
    layout: Layout = Field("NCHW", description="Order of the input's dimensions.")
    mean: Means = Field((0.0, 0.0, 0.0), description="What is subtracted from red, green and blue in [0, 1].")
    std: Deviations = Field((1.0, 1.0, 1.0), description="What they are divided by then.")
    binary: bool = Field(True, description="Whether tensors are sent as bytes (the binary extension) or as JSON.")
