"""Builds the base stage, which makes 16 x 16 images from text: the block types of IF-I.

    python -m adapters.embedded.recipe.base DATA --text TEXT --output WORK

Cost: 100 images/s on one core (bf16 autocast), 96 images a step: 3,300 steps are .9 hours. Run it again to go on.
Adaptation draws its reference images from this stage and enlarges them with the super-resolution stage.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from diffusers import UNet2DConditionModel
from torch import nn

from adapters.embedded.recipe.cascade import (
    TIMESTEPS,
    TextRows,
    encode_prompts,
    eps_loss,
    noise_schedule,
    scale_to_signed,
    stage_unet,
)
from adapters.embedded.recipe.data import DrawBatch, random_flip, read_training_set
from adapters.embedded.recipe.names import synonyms
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.training.checkpoints import Checkpoint

BATCH_SIZE = 96
CIFAR10_SHARE = 0.6
EMPTY_PROMPTS = 0.1


def options(steps: int) -> TrainingOptions:
    return TrainingOptions(steps=steps, learning_rate=6e-4, weight_decay=0.01, ema_decay=0.998)


def create_unet(text_width: int) -> UNet2DConditionModel:
    """3.4 M parameters, .61 GFLOP a forward pass."""
    return stage_unet(16, (64, 128), text_width, in_channels=3, class_embed_type=None)


def build(data_folder: Path, text: Path, work: Path, steps: int) -> dict[str, torch.Tensor]:
    data = read_training_set(data_folder)
    text_rows = encode_prompts(text, synonyms(data_folder / "tiny_imagenet_32", data.class_names))
    torch.manual_seed(0)
    unet = create_unet(text_rows.empty.shape[-1]).to(memory_format=torch.channels_last)
    draw = partial(data.draw, BATCH_SIZE, CIFAR10_SHARE)
    return train(unet, diffusion_step(unet, draw, text_rows), options(steps), Checkpoint(work / "training.safetensors"))


def diffusion_step(
    unet: UNet2DConditionModel, draw: DrawBatch, text_rows: TextRows
) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a step on a batch of `draw`."""
    schedule = noise_schedule()

    def loss_of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        images, labels = draw(generator)
        clean = nn.functional.avg_pool2d(random_flip(scale_to_signed(images), generator), 2)
        timesteps = torch.randint(TIMESTEPS, (len(images),), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        rows = text_rows.draw(labels, EMPTY_PROMPTS, generator)
        return eps_loss(unet, schedule.add_noise(clean, noise, timesteps), timesteps, rows, noise)

    return loss_of_step


def main(
    data: Path,
    text: Annotated[Path, typer.Option(help="Folder of the text encoder and tokenizer.")],
    output: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    steps: int = 3300,
) -> None:
    build(data, text, output, steps)


if __name__ == "__main__":
    typer.run(main)
