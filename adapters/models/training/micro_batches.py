"""A batch as micro-batches, which go through the models one after the other: the losses and gradient of the whole.

No batch needs more memory than one of them, and others wait for no longer than one of them takes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import nn

from robustify.adaptation.objectives import NoisyBatch

Losses = Mapping[str, torch.Tensor]
"""Each a mean over the images of a batch."""


@dataclass(frozen=True)
class MicroBatch:
    """Images on the device of the training; `share` of the batch, and whether they are its last."""

    images: NoisyBatch
    share: float
    is_last: bool


def add_gradient(
    objective: nn.Module, batch: NoisyBatch, size: int | None, accelerator: Accelerator, pause: Callable[[], None]
) -> Losses:
    """The losses of a batch; the gradient of the total is added to that of the weights."""
    found: Losses = {}
    for part in micro_batches(batch, size, accelerator.device):
        # Processes meet once a step, in its last pass: to meet in each would cost time and change nothing.
        with nullcontext() if part.is_last else accelerator.no_sync(objective):
            with accelerator.autocast():
                losses = objective(part.images)
            accelerator.backward(part.share * losses["total"])
        found = with_share(found, losses, part.share)
        if not part.is_last:
            pause()
    return found


@torch.no_grad()
def losses_alone(
    objective: nn.Module, batch: NoisyBatch, size: int | None, accelerator: Accelerator, pause: Callable[[], None]
) -> Losses:
    """The losses of a batch, and nothing else."""
    found: Losses = {}
    for part in micro_batches(batch, size, accelerator.device):
        with accelerator.autocast():
            losses = objective(part.images)
        found = with_share(found, losses, part.share)
        if not part.is_last:
            pause()
    return found


def micro_batches(batch: NoisyBatch, size: int | None, device: torch.device) -> Iterator[MicroBatch]:
    """At most `size` images each, in order; None for all at once."""
    count = len(batch.labels)
    size = size or count
    for first in range(0, count, size):
        end = min(first + size, count)
        parts = (batch.images, batch.labels, batch.eps, batch.timesteps)
        images = NoisyBatch(*(part[first:end].to(device) for part in parts))
        yield MicroBatch(images, (end - first) / count, end == count)


def with_share(found: Losses, losses: Losses, share: float) -> Losses:
    """What was found so far, and the losses of so large a share of the batch."""
    return {name: found.get(name, 0.0) + share * value.detach().float() for name, value in losses.items()}
