"""What a profile says of a pixel-space flow-matching transformer (PRXPixel) as its denoiser."""

from pydantic import Field

from adapters.profiles.options.preparing import Options


class PRXPixelOptions(Options):
    """Options of the denoiser kind `prx-pixel`."""

    told_time_factor: float = Field(
        default=1.0,
        gt=0,
        description="Multiplies the time that the network is told, at most 1; the image is scaled for the true time.",
    )
    noise_scale: float | None = Field(
        default=None,
        gt=0,
        description="Standard deviation of the training's noise at time 1, in [-1, 1] units; by default that of the "
        "model's model_index.json, or 2.",
    )
    prompt_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Tokens that a prompt is padded or cut to; by default those of the model's model_index.json, "
        "or 256.",
    )
