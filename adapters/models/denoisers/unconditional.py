"""An unconditional diffusion model as a one-step denoiser, as Carlini et al. (2023) use it: Eq. 9 without a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DModel

from robustify.denoising import Thresholding, remove_noise
from robustify.errors import ModelFilesError
from robustify.schedule import TimestepRule, timestep_for

IMAGE_CHANNELS = 3


@dataclass(frozen=True)
class UnconditionalDenoiser:
    """Denoises images (B, 3, H, W) in [0, 1] with noise sigma in one forward pass; H and W as the UNet needs them."""

    unet: UNet2DModel
    alphas_cumprod: Sequence[float]
    rule: TimestepRule

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        step = timestep_for(sigma, self.alphas_cumprod, 1.0, self.rule)
        signed = 2 * x - 1
        noisy = (step.sqrt_alpha * signed).to(self.unet.dtype)
        timesteps = torch.full((len(x),), step.t, device=x.device)
        eps: torch.Tensor = self.unet(noisy, timesteps, return_dict=False)[0][:, :IMAGE_CHANNELS].float()
        return remove_noise(signed, eps, step.sqrt_one_minus_alpha / step.sqrt_alpha, Thresholding())


def load_unconditional(
    folder: Path, rule: TimestepRule, device: torch.device, dtype: torch.dtype
) -> UnconditionalDenoiser:
    """Load from a folder with `unet/` and `scheduler/` of diffusers; safetensors only."""
    try:
        unet = UNet2DModel.from_pretrained(folder, subfolder="unet", use_safetensors=True, local_files_only=True)
        scheduler = DDPMScheduler.from_pretrained(folder, subfolder="scheduler", local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFilesError("the denoiser cannot be loaded: its files are missing or no safetensors") from error
    if unet.config["in_channels"] != IMAGE_CHANNELS or unet.config["class_embed_type"] is not None:
        raise ModelFilesError("the UNet is no unconditional model of images: it needs 3 input channels and no classes")
    if scheduler.config["prediction_type"] != "epsilon":
        raise ModelFilesError("the denoiser must predict eps")
    unet.requires_grad_(False).eval().to(device=device, dtype=dtype)
    return UnconditionalDenoiser(unet, scheduler.alphas_cumprod.double().tolist(), rule)
