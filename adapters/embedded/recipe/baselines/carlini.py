"""The denoiser of Carlini et al. (2023): an unconditional diffusion model of the task's own train images.

    python -m adapters.embedded.recipe.baselines.carlini DATA --output WORK

DATA is a folder as `../shared/data`: CIFAR-10's train images alone.
Cost: 28 images/s on one busy core (bf16 autocast), 48 images a step: 4,000 steps, as many as the bundled denoiser had,
are two hours of one core, 64 minutes of two. Run it again to go on.

As large as the bundled super-resolution stage, with the same kinds of block and the same schedule, but without text,
low-resolution image and noise level. Half of the timesteps are drawn where one-step denoising uses it (sigma .1 to .5).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer
from diffusers import UNet2DModel
from torch import nn

from adapters.embedded.recipe.baselines.pictures import draw_of
from adapters.embedded.recipe.cascade import noise_schedule, scale_to_signed
from adapters.embedded.recipe.data import DrawBatch, random_flip, read_cifar10
from adapters.embedded.recipe.super_resolution import draw_timesteps
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.denoisers.unconditional import UnconditionalDenoiser
from adapters.models.training.checkpoints import Checkpoint

BATCH_SIZE = 48
STEPS = 4000
VALIDATED = 200
SIGMAS = (0.25, 0.5)


def options(steps: int) -> TrainingOptions:
    return TrainingOptions(steps=steps, learning_rate=5e-4, weight_decay=0.01, ema_decay=0.998)


def create_unet() -> UNet2DModel:
    """From images (B, 3, 32, 32) in [-1, 1] and timesteps (B,) to their noise."""
    return UNet2DModel(
        sample_size=32,
        down_block_types=("ResnetDownsampleBlock2D", "ResnetDownsampleBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D", "ResnetUpsampleBlock2D"),
        block_out_channels=(48, 96, 128),
        layers_per_block=1,
        downsample_type="resnet",
        upsample_type="resnet",
        attention_head_dim=64,
        norm_num_groups=8,
        resnet_time_scale_shift="scale_shift",
    )


def build(data: Path, work: Path, steps: int) -> dict[str, torch.Tensor]:
    images = read_cifar10(data / "cifar10")
    torch.manual_seed(0)
    unet = create_unet().to(memory_format=torch.channels_last)
    return train(
        unet,
        diffusion_step(unet, draw_of(images, BATCH_SIZE)),
        options(steps),
        Checkpoint(work / "training.safetensors"),
        validation(unet, read_cifar10(data / "cifar10", held_back=True).images[:VALIDATED].float() / 255),
    )


def diffusion_step(unet: UNet2DModel, draw: DrawBatch) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a step on a batch of `draw`: mean squared error of the predicted noise."""
    schedule = noise_schedule()

    def loss_of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        images, _ = draw(generator)
        clean = random_flip(scale_to_signed(images), generator)
        timesteps = draw_timesteps(len(clean), generator)
        noise = torch.randn(clean.shape, generator=generator)
        noisy = schedule.add_noise(clean, noise, timesteps).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = unet(noisy, timesteps).sample
        return nn.functional.mse_loss(predicted.float(), noise)

    return loss_of_step


def validation(unet: UNet2DModel, clean: torch.Tensor) -> Callable[[nn.Module], str]:
    """PSNR of one-step denoising, as it is served, on images (B, 3, 32, 32) in [0, 1]."""
    denoiser = UnconditionalDenoiser(unet, noise_schedule().alphas_cumprod.double().tolist(), "exact")
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    def validate(network: nn.Module) -> str:
        found = (psnr(denoiser(clean + sigma * noise, sigma), clean) for sigma in SIGMAS)
        return "PSNR " + ", ".join(f"{db:.2f} at sigma {sigma:g}" for sigma, db in zip(SIGMAS, found, strict=True))

    return validate


def psnr(denoised: torch.Tensor, clean: torch.Tensor) -> float:
    """In dB, of images in [0, 1]."""
    return float(-10 * torch.log10(nn.functional.mse_loss(denoised, clean)))


def main(
    data: Path,
    output: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    steps: int = STEPS,
) -> None:
    build(data, output, steps)


if __name__ == "__main__":
    typer.run(main)
