"""What options of several kinds say of how images reach a network: their size, mean and standard deviation."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Resampling = Literal["bilinear", "bicubic"]
# TOML has arrays and no tuples: only what is in them is taken as strictly as all else.
Means = Annotated[
    tuple[
        Annotated[float, Field(strict=True)], Annotated[float, Field(strict=True)], Annotated[float, Field(strict=True)]
    ],
    Field(strict=False),
]
Deviation = Annotated[float, Field(strict=True, gt=0)]
Deviations = Annotated[tuple[Deviation, Deviation, Deviation], Field(strict=False)]


class Options(BaseModel):
    """The options of one kind of model: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PreparingOptions(Options):
    """How images are prepared; what is left out is read from the model's own files."""

    size: int | None = Field(
        None, ge=16, le=4096, description="Height and width that the network takes; images of another are resized."
    )
    resampling: Resampling | None = Field(None, description="How they are resized.")
    mean: Means | None = Field(None, description="What is subtracted from red, green and blue in [0, 1].")
    std: Deviations | None = Field(None, description="What they are divided by then.")
