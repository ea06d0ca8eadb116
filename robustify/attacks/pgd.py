"""Projected gradient descent in L2 with the paper's settings (appendix A.3, after Mao et al., 2023)."""

from collections.abc import Callable

import torch

from robustify.attacks.budget import Budget, l2

Gradient = Callable[[torch.Tensor], torch.Tensor]
"""Of the loss at images (B, 3, H, W)."""

STEPS = 100
REACH = 4 / 3
"""All steps together, in eps."""
TINY = 1e-10
"""Of Mao et al.'s code: a gradient that is zero moves nothing."""


def pgd(gradient: Gradient, budget: Budget, start: torch.Tensor, steps: int = STEPS) -> torch.Tensor:
    """The last of `steps` iterates, each a step of (4/3) eps / steps up the gradient, projected, then clamped."""
    images = start
    for _ in range(steps):
        way_up = gradient(images)
        images = budget.project(images + REACH * budget.eps / steps * way_up / (l2(way_up) + TINY))
    return images
