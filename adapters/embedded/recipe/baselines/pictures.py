"""What the baselines train on: CIFAR-10's train images, shifted and mirrored."""

from functools import partial

import torch
from torch import nn

from adapters.embedded.recipe.data import SIDE, DrawBatch, LabelledImages, random_flip

MARGIN = 4
"""By so many pixels an image is shifted at most, as He et al. (2016) do it; what is missing is black."""


def draw_of(images: LabelledImages, count: int) -> DrawBatch:
    """Batches of `count` images with replacement."""
    return partial(draw, images, count)


def draw(images: LabelledImages, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = torch.randint(len(images), (count,), generator=generator)
    return images.images[chosen], images.labels[chosen]


def views(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images (B, 3, 32, 32) uint8, each shifted and perhaps mirrored, in [0, 1]."""
    return random_flip(random_shift(images, generator).float() / 255, generator)


def random_shift(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image (B, 3, 32, 32) moved by up to `MARGIN` pixels along both axes."""
    padded = nn.functional.pad(images, (MARGIN,) * 4)
    corners = torch.randint(2 * MARGIN + 1, (2, len(images), 1), generator=generator)
    rows, columns = corners + torch.arange(SIDE)
    every = torch.arange(len(images))[:, None, None]
    return padded[every, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
