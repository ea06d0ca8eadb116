"""Changes of an image of exactly one L2 length: in a random direction, and in the worst that a short attack finds.

Neither is clipped to [0, 1], as the change that a certificate speaks of may be any.
"""

import torch

from robustify.attacks.budget import Budget, drawn_like
from robustify.attacks.losses import log_odds
from robustify.attacks.noise import Draw
from robustify.attacks.objective import Objective
from robustify.attacks.pgd import pgd
from robustify.errors import InvalidInputError

SMALLEST_ATTACKED = 0.05
"""In a smaller ball, float32 rounds the steps of an attack away: its direction is found in this one."""


def random_change(clean: torch.Tensor, radius: float, generator: torch.Generator) -> torch.Tensor:
    """A uniformly random direction: float64, of the shape of `clean` (1, 3, H, W)."""
    return of_length(drawn_like(clean, generator), radius)


def worst_change(
    objective: Objective, clean: torch.Tensor, radius: float, draw: Draw, generator: torch.Generator, steps: int
) -> torch.Tensor:
    """PGD on the log-odds of the label under new noise at every step, within [0, 1], and then on to the full length.

    float64, of the shape of `clean` (1, 3, H, W), which is in [0, 1].
    """
    budget = Budget(clean, max(radius, SMALLEST_ATTACKED))
    start = budget.random_start(generator)
    found = pgd(lambda image: objective.ascent(image, draw, log_odds).gradient, budget, start, steps)
    return of_length(found - clean, radius)


def of_length(change: torch.Tensor, radius: float) -> torch.Tensor:
    """The same direction with this L2 length; raises InvalidInputError where it is none."""
    length = torch.linalg.vector_norm(change.double())
    if not bool(torch.isfinite(length)) or float(length) == 0:
        raise InvalidInputError(
            "the attack found no direction, since the models gave no finite gradient: ask for direction random",
            field="direction",
        )
    scaled: torch.Tensor = change.double() * (radius / length)
    return scaled
