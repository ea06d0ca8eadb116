"""An unconditional checkpoint of OpenAI's guided-diffusion (Dhariwal and Nichol, 2021) as a one-step denoiser.

It becomes a `UNet2DModel` of diffusers, exactly: its residual blocks with scale and shift, those that halve and double
(`resblock_updown`) and its attention of one head size are there. Of the six output channels of `learn_sigma` the first
three are eps. `256x256_diffusion_uncond.pt` is such a model; what lacks one of these is refused in a sentence.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from diffusers import UNet2DModel

from adapters.models.denoisers.guided_diffusion.layout import IMAGE_CHANNELS, Layout, Tensors, read_layout
from adapters.models.denoisers.guided_diffusion.names import renamed
from adapters.models.denoisers.tensor_files import read_tensors
from adapters.models.denoisers.unconditional import UnconditionalDenoiser
from adapters.profiles.options.guided_diffusion import GuidedDiffusionOptions
from robustify.errors import ModelFilesError
from robustify.schedule import TIMESTEPS, TimestepRule

FIRST_BETA, LAST_BETA = 1e-4, 0.02
NORM_GROUPS = 32
"""Of every norm in these models."""


def load_guided_diffusion(
    weights: Path, options: GuidedDiffusionOptions, rule: TimestepRule, device: torch.device, dtype: torch.dtype
) -> UnconditionalDenoiser:
    """With the linear schedule of these models, of 1000 steps."""
    unet = converted(tensors_alone(read_tensors(weights, options.sha256)), options)
    unet.requires_grad_(False).eval().to(device=device, dtype=dtype)
    return UnconditionalDenoiser(unet, linear_alphas(), rule)


def linear_alphas() -> list[float]:
    """alphas_cumprod of the linear schedule of guided-diffusion, which computes it in float64 too."""
    betas = torch.linspace(FIRST_BETA, LAST_BETA, TIMESTEPS, dtype=torch.float64)
    return cast("list[float]", (1 - betas).cumprod(0).tolist())


def tensors_alone(state: Mapping[str, object]) -> Tensors:
    if not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelFilesError("the checkpoint holds more than a model: save its state_dict() alone")
    return cast("Tensors", state)


def converted(state: Tensors, options: GuidedDiffusionOptions) -> UNet2DModel:
    """The UNet with the checkpoint's weights. Raises ModelFilesError when UNet2DModel cannot be this UNet."""
    layout = read_layout(state)
    if any(width % options.channels_per_head for width in attending_widths(layout)):
        raise ModelFilesError("channels_per_head does not divide the channels: give the checkpoint's num_head_channels")
    unet = empty_unet(layout, options.channels_per_head)
    try:
        unet.load_state_dict(renamed(state, layout, options.channels_per_head, options.attention_order))
    except RuntimeError as error:
        raise ModelFilesError("the checkpoint has parts that are not known: it was made with other flags") from error
    return unet


def attending_widths(layout: Layout) -> list[int]:
    """Of the levels that attend, and of the middle, which always does."""
    levels = zip(layout.channels, layout.attends, strict=True)
    return [width for width, attends in levels if attends] + [layout.channels[-1]]


def empty_unet(layout: Layout, channels_per_head: int) -> UNet2DModel:
    down = tuple("AttnDownBlock2D" if attends else "ResnetDownsampleBlock2D" for attends in layout.attends)
    up = tuple("AttnUpBlock2D" if attends else "ResnetUpsampleBlock2D" for attends in reversed(layout.attends))
    return UNet2DModel(
        in_channels=IMAGE_CHANNELS,
        out_channels=layout.outputs,
        block_out_channels=layout.channels,
        layers_per_block=layout.blocks,
        down_block_types=down,
        up_block_types=up,
        downsample_type="resnet",
        upsample_type="resnet",
        resnet_time_scale_shift="scale_shift",
        attention_head_dim=channels_per_head,
        norm_num_groups=NORM_GROUPS,
        # Without it, the attention in the middle has no norm where blocks scale and shift.
        attn_norm_num_groups=NORM_GROUPS,
    )
