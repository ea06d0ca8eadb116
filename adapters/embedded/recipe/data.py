"""The training images: sheets of 500 pictures of 32 x 32 pixels and their labels, as in `../shared/data`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

SHEET_ROWS, SHEET_COLUMNS, SIDE = 20, 25, 32
HELD_BACK_CIFAR_SHEETS = 2
"""The last sheets of the train split, never trained on: settings are chosen there."""
HELD_BACK_TINY_IMAGENET_IMAGES = 5
"""The last images of each class, likewise."""
DrawBatch = Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]
"""A batch of images (B, 3, 32, 32) uint8 and their labels (B,)."""


@dataclass(frozen=True)
class LabelledImages:
    """`images`: (N, 3, 32, 32) uint8; `labels`: (N,) int64, indices into `class_names`."""

    images: torch.Tensor
    labels: torch.Tensor
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def read_sheet(path: Path) -> torch.Tensor:
    """The 500 images of one sheet: (500, 3, 32, 32) uint8."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    tiles = pixels.reshape(SHEET_ROWS, SIDE, SHEET_COLUMNS, SIDE, 3).transpose(0, 2, 4, 1, 3)
    return torch.from_numpy(tiles.reshape(-1, 3, SIDE, SIDE).copy())


def read_cifar10(folder: Path, *, held_back: bool = False) -> LabelledImages:
    """CIFAR-10's train split without the held-back sheets, or only those."""
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    sheets = sorted(folder.glob("train_*.webp"))
    cut = len(sheets) - HELD_BACK_CIFAR_SHEETS
    chosen = range(cut, len(sheets)) if held_back else range(cut)
    images = torch.cat([read_sheet(sheets[index]) for index in chosen])
    first = chosen[0] * SHEET_ROWS * SHEET_COLUMNS
    targets = torch.tensor(labels["train"][first : first + len(images)])
    return LabelledImages(images, targets, tuple(labels["class_names"]))


def read_tiny_imagenet(folder: Path, *, held_back: bool = False) -> LabelledImages:
    """Tiny-ImageNet-200's train split without the held-back images, or only those."""
    names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["class_names"]
    chosen = slice(-HELD_BACK_TINY_IMAGENET_IMAGES, None) if held_back else slice(0, -HELD_BACK_TINY_IMAGENET_IMAGES)
    sheets = [read_sheet(folder / f"train_{index:03d}.jpg")[chosen] for index in range(len(names))]
    targets = torch.arange(len(names)).repeat_interleave(len(sheets[0]))
    return LabelledImages(torch.cat(sheets), targets, tuple(names))


@dataclass(frozen=True)
class TrainingSet:
    """CIFAR-10 and another data set side by side; labels of the second follow those of the first."""

    cifar10: LabelledImages
    other: LabelledImages

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.cifar10.class_names + self.other.class_names

    def draw(self, count: int, cifar10_share: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch with replacement: images (count, 3, 32, 32) uint8, CIFAR-10 first, and labels into `class_names`."""
        first = round(count * cifar10_share)
        parts = [
            (source, torch.randint(len(source), (size,), generator=generator), offset)
            for source, size, offset in (
                (self.cifar10, first, 0),
                (self.other, count - first, len(self.cifar10.class_names)),
            )
        ]
        images = torch.cat([source.images[index] for source, index, _ in parts])
        labels = torch.cat([source.labels[index] + offset for source, index, offset in parts])
        return images, labels


def read_training_set(folder: Path, *, held_back: bool = False) -> TrainingSet:
    """`folder` holds `cifar10/` and `tiny_imagenet_32/`."""
    return TrainingSet(
        read_cifar10(folder / "cifar10", held_back=held_back),
        read_tiny_imagenet(folder / "tiny_imagenet_32", held_back=held_back),
    )


def random_flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror each image (B, C, H, W) with probability one half."""
    flip = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(flip, images.flip(-1), images)
