"""A vision model with classes of its own: labels choose among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from adapters.contract.labels import class_indices
from adapters.models.classifiers.preparing import Preparation
from robustify.errors import ModelFilesError
from robustify.types import Task

SMALL_SIDE = 64
"""Of the image that tells how many logits a network has, where it takes any."""
WRONG_SIZE = "the classifier does not take images of {}: give the profile the size that it was trained with"


class LogitsOfClasses(Protocol):
    """What gives logits (B, classes), float32, of images (B, 3, H, W) in [0, 1]."""

    @property
    def has_gradients(self) -> bool:
        """Whether gradients of the logits reach the images."""

    def logits(self, x0: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class FixedClassifier:
    """Logits (B, K) of images (B, 3, H, W) in [0, 1]: those of the chosen classes, in the order of the labels."""

    model: LogitsOfClasses
    chosen: torch.Tensor

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        return self.model.logits(x0)[:, self.chosen]

    @property
    def has_gradients(self) -> bool:
        """Whether an attack can follow gradients through it."""
        return self.model.has_gradients


@dataclass(frozen=True)
class FixedClasses:
    """A network whose logits stand for `class_names`, in order."""

    network: nn.Module
    class_names: Sequence[str]
    prepare: Preparation
    dtype: torch.dtype
    has_gradients: bool = True

    def for_task(self, task: Task) -> FixedClassifier:
        """Raises InvalidInputError for a label that is none of the classes; the template means nothing here."""
        return choose_classes(self, self.class_names, task, self.prepare.mean.device)

    def logits(self, x0: torch.Tensor) -> torch.Tensor:
        """Of all classes, in float32."""
        prepared = self.prepare(x0).to(self.dtype, memory_format=torch.channels_last)
        output: torch.Tensor = self.network(prepared)
        return output.float()


def choose_classes(
    model: LogitsOfClasses, class_names: Sequence[str], task: Task, device: torch.device
) -> FixedClassifier:
    """The classifier of a task's labels. Raises InvalidInputError for a label that is none of the classes."""
    return FixedClassifier(model, torch.tensor(class_indices(class_names, task.labels), device=device))


def fixed_classes(
    network: nn.Module,
    class_names: Sequence[str],
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
    dtype: torch.dtype,
) -> FixedClasses:
    """A network that takes images of any size. Raises ModelFilesError as `prepared_classes` does."""
    return prepared_classes(network, class_names, Preparation.of(mean, std, device), dtype)


def prepared_classes(
    network: nn.Module, class_names: Sequence[str], prepare: Preparation, dtype: torch.dtype
) -> FixedClasses:
    """Puts the network on the device. Raises ModelFilesError when it has another number of classes than names, or does
    not take images of the size.
    """
    device = prepare.mean.device
    network.requires_grad_(False).eval().to(device, dtype).to(memory_format=torch.channels_last)
    model = FixedClasses(network, class_names, prepare, dtype)
    check_classes(model, class_names, prepare)
    return model


@torch.no_grad()
def check_classes(model: LogitsOfClasses, class_names: Sequence[str], prepare: Preparation) -> None:
    """One image through the model tells how many logits it has."""
    size = prepare.size or (SMALL_SIDE, SMALL_SIDE)
    try:
        logits = model.logits(torch.zeros(1, 3, *size, device=prepare.mean.device))
    except torch.OutOfMemoryError:
        raise
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        # What networks say of an image of another size than the one that they are made for.
        raise ModelFilesError(WRONG_SIZE.format(" x ".join(map(str, size)))) from error
    if logits.shape[1:] != (len(class_names),):
        classes = " x ".join(map(str, logits.shape[1:]))
        raise ModelFilesError(f"the classifier has {classes} classes, but its list names {len(class_names)}")
