"""The attack that adversarial training trains against: PGD in L2, a batch at a time (Madry et al., 2018)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from robustify.attacks.budget import Budget, l2

BatchLoss = Callable[[torch.Tensor], torch.Tensor]
"""The mean loss of images (B, 3, H, W) in [0, 1]."""
REACH = 2.5
"""All steps together, in eps, as Madry et al. take them."""
TINY = 1e-10


@torch.enable_grad()
def attacked(
    network: nn.Module, loss: BatchLoss, images: torch.Tensor, eps: float, steps: int, generator: torch.Generator
) -> torch.Tensor:
    """Images within L2 distance `eps` of these that raise the loss of the network; each starts at random.

    Gradients are on, because validation, which is without them, attacks too.
    """
    budget = Budget(images, eps)
    found = budget.random_start(generator)
    with answering(network):
        for _ in range(steps):
            (way_up,) = torch.autograd.grad(loss(found.requires_grad_()), found)
            found = budget.project(found.detach() + REACH * eps / steps * way_up / (l2(way_up) + TINY))
    return found


@contextmanager
def answering(network: nn.Module) -> Iterator[None]:
    """The network as it is served: its batch norms use their running statistics, and do not change them."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
