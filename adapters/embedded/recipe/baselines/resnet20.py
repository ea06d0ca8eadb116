"""Trains the ResNet-20 of Table 4: standard training, Cohen et al.'s Gaussian training, or adversarial training.

    python -m adapters.embedded.recipe.baselines.resnet20 DATA --output WORK
    python -m adapters.embedded.recipe.baselines.resnet20 DATA --output WORK --training gaussian --sigma 0.25
    python -m adapters.embedded.recipe.baselines.resnet20 DATA --output WORK --training adversarial --eps 0.5

DATA is a folder as `../shared/data`; of CIFAR-10's train split, 49,000 images are trained on.
Cost: 470 images/s on one busy core (bf16 autocast), 81 in adversarial training; 256 images a step. 2,000 steps of
standard training are 18 minutes of one core, 3,000 of Gaussian training 27, 1,000 of adversarial training 53; two cores
take a little more than half of that. Run it again to go on.

Adversarial training (Madry et al., 2018) attacks every batch with 7 steps of PGD in L2, and trains on what comes out;
with `--start` it begins with weights that standard training made, which saves most of its epochs.
"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from adapters.embedded.recipe.baselines.attack import attacked
from adapters.embedded.recipe.baselines.pictures import draw_of, views
from adapters.embedded.recipe.data import DrawBatch, LabelledImages, read_cifar10
from adapters.embedded.recipe.export import averaged_weights
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.classifiers.resnet20 import ResNet20
from adapters.models.training.checkpoints import Checkpoint

BATCH_SIZE = 256
MEAN, STD = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)
"""Of CIFAR-10's train images."""
ATTACK_STEPS = 7
EPS = 0.5
VALIDATED, ATTACKED = 1000, 200
"""Of the held-back images."""
Change = Callable[[nn.Module, torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor]
"""From a network, images (B, 3, 32, 32) in [0, 1] and their labels to the images that it is trained on."""


class Training(StrEnum):
    STANDARD = "standard"
    GAUSSIAN = "gaussian"
    ADVERSARIAL = "adversarial"


STEPS = {Training.STANDARD: 2000, Training.GAUSSIAN: 3000, Training.ADVERSARIAL: 1000}


def options(steps: int) -> TrainingOptions:
    return TrainingOptions(steps=steps, learning_rate=4e-3, weight_decay=0.05, decay_share=0.7, ema_decay=0.998)


def change_of(training: Training, sigma: float, eps: float) -> Change:
    """What a training does to its images."""
    if training is Training.STANDARD:
        return lambda network, images, labels, generator: images
    return with_noise(sigma) if training is Training.GAUSSIAN else with_attack(eps)


def with_noise(sigma: float) -> Change:
    """Gaussian noise, not clamped: what the smoothed classifier sees."""

    def change(
        network: nn.Module, images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        return images + sigma * torch.randn(images.shape, generator=generator)

    return change


def with_attack(eps: float) -> Change:
    """The worst images that PGD finds within `eps`."""

    def change(
        network: nn.Module, images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        def loss(shown: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(logits_of(network, shown), labels)

        return attacked(network, loss, images, eps, ATTACK_STEPS, generator)

    return change


def logits_of(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """(B, 10) of images (B, 3, 32, 32) in [0, 1], computed in bf16 where that is faster."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    normalised = ((images - mean) / std).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        logits: torch.Tensor = network(normalised)
    return logits.float()


def build(data: Path, work: Path, change: Change, steps: int, start: Path | None = None) -> dict[str, torch.Tensor]:
    """`start`: the folder of a checkpoint that it begins with."""
    images = read_cifar10(data / "cifar10")
    torch.manual_seed(0)
    network = ResNet20(len(images.class_names)).to(memory_format=torch.channels_last)
    if start is not None:
        network.load_state_dict(averaged_weights(start))
    return train(
        network,
        classification_step(network, draw_of(images, BATCH_SIZE), change),
        options(steps),
        Checkpoint(work / "training.safetensors"),
        validation(read_cifar10(data / "cifar10", held_back=True), change),
    )


def classification_step(
    network: nn.Module, draw: DrawBatch, change: Change
) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a step on a batch of `draw`."""

    def loss_of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        images, labels = draw(generator)
        shown = change(network, views(images, generator), labels, generator)
        return nn.functional.cross_entropy(logits_of(network, shown), labels)

    return loss_of_step


def validation(held_back: LabelledImages, change: Change) -> Callable[[nn.Module], str]:
    """Accuracy on held-back images as they are, and on fewer of them as the training changes them."""
    images, labels = held_back.images[:VALIDATED].float() / 255, held_back.labels[:VALIDATED]

    def validate(network: nn.Module) -> str:
        changed = change(network, images[:ATTACKED], labels[:ATTACKED], torch.Generator().manual_seed(0))
        plain = accuracy(network, images, labels)
        return f"held back: {plain:.3f}, changed as in training {accuracy(network, changed, labels[:ATTACKED]):.3f}"

    return validate


def accuracy(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    return float((logits_of(network, images).argmax(1) == labels).float().mean())


def main(
    data: Path,
    output: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    training: Training = Training.STANDARD,
    sigma: Annotated[float, typer.Option(help="Of Gaussian training.")] = 0.25,
    eps: Annotated[float, typer.Option(help="Of adversarial training, in L2.")] = EPS,
    steps: Annotated[int | None, typer.Option(help="By default those of the training.")] = None,
    start: Annotated[Path | None, typer.Option(help="Folder of the checkpoint to begin with.")] = None,
) -> None:
    build(data, output, change_of(training, sigma, eps), steps or STEPS[training], start)


if __name__ == "__main__":
    typer.run(main)
