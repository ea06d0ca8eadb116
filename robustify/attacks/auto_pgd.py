"""APGD for one image whose loss is measured under new noise at every step: iterate after iterate, with momentum."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from robustify.attacks.budget import Budget, drawn_like, l2
from robustify.attacks.objective import Ascent
from robustify.attacks.step_schedule import StepSize, checkpoints

FIRST_STEP = 2.0
"""In eps."""
MOMENTUM = 0.25


@dataclass(frozen=True)
class Iterate:
    """An image (1, 3, H, W), and what was found at it."""

    image: torch.Tensor
    ascent: Ascent


def auto_pgd(
    ascend: Callable[[torch.Tensor], Ascent],
    budget: Budget,
    start: torch.Tensor,
    steps: int,
    generator: torch.Generator,
) -> Iterator[Iterate]:
    """The start and `steps` more iterates; where the gradient is exactly zero, the way is a random one."""
    step, looks = StepSize(FIRST_STEP * budget.eps), checkpoints(steps)
    before = current = best = Iterate(start, ascend(start))
    losses = [current.ascent.loss]
    yield current
    for number in range(1, steps + 1):
        image = next_image(before.image, current, step.size, budget, generator)
        before, current = current, Iterate(image, ascend(image))
        yield current
        losses.append(current.ascent.loss)
        best = max(best, current, key=lambda iterate: iterate.ascent.loss)
        if number in looks:
            if step.is_halved(losses, best.ascent.loss):
                before = current = best
            losses = losses[-1:]


def next_image(
    before: torch.Tensor, current: Iterate, size: float, budget: Budget, generator: torch.Generator
) -> torch.Tensor:
    """A step up the gradient, projected; then a quarter of the last step goes on, projected again."""
    image = current.image
    stepped = budget.project(image + size * direction(current.ascent.gradient, generator))
    return budget.project(image + (1 - MOMENTUM) * (stepped - image) + MOMENTUM * (image - before))


def direction(gradient: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Of L2 length 1, however small the gradient (1, 3, H, W) is; a random one where it is exactly zero."""
    if not gradient.any():
        gradient = drawn_like(gradient, generator)
    scaled = gradient / gradient.abs().max()
    return scaled / l2(scaled)
