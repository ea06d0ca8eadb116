"""What a profile says of a restoration network (DRUNet, SCUNet, SwinIR, NAFNet and others) as its denoiser."""

from typing import Self

from pydantic import Field, model_validator

from adapters.profiles.options.preparing import Options
from robustify.errors import InvalidInputError


class RestorationOptions(Options):
    """Options of the denoiser kind `restoration`."""

    file: str = Field(
        default="model.safetensors",
        pattern=r"^[A-Za-z0-9_][\w.-]*\.safetensors$",
        description="The network's weights in the denoiser's folder: safetensors.",
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="sha256 of the file, checked when it is given.",
    )
    noise_map: bool = Field(
        default=False,
        description="Whether the network is told sigma, as a fourth channel of its input (DRUNet, FDnCNN).",
    )
    min_sigma: float = Field(
        default=0.0, ge=0, description="The least noise that the network was trained for, in [0, 1] pixels."
    )
    max_sigma: float = Field(
        gt=0, description="The most noise that the network was trained for, in [0, 1] pixels; 50/255 is 0.196."
    )
    size_multiple: int | None = Field(
        default=None,
        ge=1,
        description="Height and width must be multiples of it, beside what the architecture asks for; images are "
        "padded by reflection and cropped back.",
    )

    @model_validator(mode="after")
    def check_range(self) -> Self:
        if self.min_sigma > self.max_sigma:
            raise ValueError("min_sigma is above max_sigma: give the range of the network's training")
        return self

    def check_sigma(self, sigma: float) -> None:
        """Raises InvalidInputError for noise that the network was not trained for."""
        if not self.min_sigma <= sigma <= self.max_sigma:
            raise InvalidInputError(
                f"sigma {sigma:g} is outside of what this denoiser was trained for: "
                f"choose {self.min_sigma:g} to {self.max_sigma:g}",
                field="sigma",
            )
