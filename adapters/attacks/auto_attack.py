"""APGD and Square of AutoAttack (Croce and Hein, 2020; Andriushchenko et al., 2020), by its authors' code.

The two attacks are asked one by one, as AutoAttack itself leaves out images by a single noisy answer, and gives back
the clean image where its own noisy count found no success. Here the best image that was found is given back; others
count the votes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from adapters.attacks.scores import Scores, Smoothed
from robustify.attacks.budget import Budget
from robustify.attacks.noise import Draw, kept
from robustify.attacks.objective import Objective
from robustify.attacks.smooth_adv import Attacked
from robustify.errors import InvalidInputError

STRIPES = 5
CONFIDENCE = 0.2
"""Of the scores: Square ends once another class leads by so much, not at a tie that other noise may undo."""


def apgd(
    objective: Objective, budget: Budget, draw: Draw, scores: Scores, seed: int, steps: int, restarts: int
) -> Attacked:
    """The image with the largest cross-entropy of the scores.

    Scores of m noisy copies, new ones at each step, are the expectation over transformations: its `eot_iter` is 1.
    """
    from pyautoattack.autopgd_base import APGDAttack

    device = budget.clean.device
    model = Smoothed(objective, draw, scores)
    with seeded(seed, device):
        attack = APGDAttack(
            model, n_iter=steps, norm="L2", n_restarts=restarts, eps=budget.eps, seed=seed, eot_iter=1, device=device
        )
        found = attack.perturb(budget.clean, labels_of(objective, device), best_loss=True)
    return Attacked(budget.project(found.detach())[0], objective.effort)


def square(objective: Objective, budget: Budget, draw: Draw, scores: Scores, seed: int, queries: int) -> Attacked:
    """The image with the smallest margin of the scores that random squares find, under one noise for all queries.

    Raises InvalidInputError for images of a size that the library cannot begin with.
    """
    from pyautoattack.square import SquareAttack

    check_sides(budget.clean)
    device = budget.clean.device
    model = Doubted(Smoothed(objective, kept(draw(objective.m)), scores), objective.label)
    with seeded(seed, device), torch.no_grad():
        attack = SquareAttack(model, norm="L2", n_queries=queries, eps=budget.eps, seed=seed, device=device)
        attack.init_hyperparam(budget.clean)
        _, found = attack.attack_single_run(budget.clean, labels_of(objective, device))
    return Attacked(budget.project(found)[0], objective.effort)


def check_sides(images: torch.Tensor) -> None:
    """It begins with five stripes of squares each way, and fails where a sixth has room in part."""
    for side in images.shape[-2:]:
        stripe = side // STRIPES
        if not stripe or (stripe > 1 and side // stripe > STRIPES):
            raise InvalidInputError(f"square cannot attack images with a side of {side} pixels: resize them", "method")


class Doubted(nn.Module):
    """The same scores, with a lead for the right class that another has to make up."""

    def __init__(self, model: Smoothed, label: int) -> None:
        super().__init__()
        self.model, self.label = model, label

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.model(images).clone()
        scores[:, self.label] += CONFIDENCE
        return scores


def labels_of(objective: Objective, device: torch.device) -> torch.Tensor:
    return torch.tensor([objective.label], device=device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """The library draws from torch's own generators: they are as before afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
