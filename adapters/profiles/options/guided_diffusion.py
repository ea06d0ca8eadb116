"""What a profile says of a checkpoint of OpenAI's guided-diffusion as its denoiser."""

from typing import Literal

from pydantic import Field

from adapters.profiles.options.preparing import Options


class GuidedDiffusionOptions(Options):
    """Options of the denoiser kind `guided-diffusion`."""

    file: str = Field(
        default="model.safetensors",
        pattern=r"^[A-Za-z0-9_][\w.-]*\.safetensors$",
        description="The checkpoint in the denoiser's folder: safetensors.",
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="sha256 of the file, checked when it is given.",
    )
    channels_per_head: int = Field(
        default=64,
        ge=1,
        description="Channels of each head of an attention (`num_head_channels` of its flags), which no weight tells.",
    )
    attention_order: Literal["heads-first", "parts-first"] = Field(
        default="heads-first",
        description="Whether the rows of an attention's weight go by head (QKVAttentionLegacy, its default) or by "
        "query, key and value (`use_new_attention_order`).",
    )
