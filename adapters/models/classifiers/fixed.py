"""A vision model with classes of its own: labels choose among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from adapters.contract.labels import class_indices
from robustify.errors import ModelFilesError
from robustify.types import Task


@dataclass(frozen=True)
class FixedClassifier:
    """Logits (B, K) of images (B, 3, H, W) in [0, 1]: those of the chosen classes, in the order of the labels."""

    model: "FixedClasses"
    chosen: torch.Tensor

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        return self.model.logits(x0)[:, self.chosen]


@dataclass(frozen=True)
class FixedClasses:
    """A network whose logits stand for `class_names`, in order; `mean` and `std` are (1, 3, 1, 1)."""

    network: nn.Module
    class_names: Sequence[str]
    mean: torch.Tensor
    std: torch.Tensor
    dtype: torch.dtype

    def for_task(self, task: Task) -> FixedClassifier:
        """Raises InvalidInputError for a label that is none of the classes; the template means nothing here."""
        chosen = torch.tensor(class_indices(self.class_names, task.labels), device=self.mean.device)
        return FixedClassifier(self, chosen)

    def logits(self, x0: torch.Tensor) -> torch.Tensor:
        """Of all classes, in float32."""
        prepared = ((x0 - self.mean) / self.std).to(self.dtype, memory_format=torch.channels_last)
        output: torch.Tensor = self.network(prepared)
        return output.float()


def fixed_classes(
    network: nn.Module,
    class_names: Sequence[str],
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
    dtype: torch.dtype,
) -> FixedClasses:
    """Puts the network on the device. Raises ModelFilesError when it has another number of classes than names."""
    network.requires_grad_(False).eval().to(device, dtype).to(memory_format=torch.channels_last)
    check_classes(network, class_names, device, dtype)
    of_channels = [torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (mean, std)]
    return FixedClasses(network, class_names, of_channels[0], of_channels[1], dtype)


@torch.no_grad()
def check_classes(network: nn.Module, class_names: Sequence[str], device: torch.device, dtype: torch.dtype) -> None:
    """One small image through the network tells how many logits it has."""
    classes = network(torch.zeros(1, 3, 64, 64, device=device, dtype=dtype)).shape[-1]
    if classes != len(class_names):
        raise ModelFilesError(f"the classifier has {classes} classes, but its list names {len(class_names)}")
