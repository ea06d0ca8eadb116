"""PGD and SmoothAdv (Salman et al., 2019) on one image: as the paper has them, and as strong as we know how.

Without noise, and with one copy, both are attacks on a classifier that is not smoothed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest

import torch

from robustify.attacks.auto_pgd import Iterate, auto_pgd
from robustify.attacks.budget import Budget
from robustify.attacks.cost import JUDGED_BY, SHORTLIST
from robustify.attacks.losses import Loss, log_odds, margin, published, vote_margin
from robustify.attacks.noise import Draw, kept
from robustify.attacks.objective import Ascent, Effort, Objective
from robustify.attacks.pgd import pgd

CLEAR = 0.5
"""Of the estimated vote margin: another class leads by so much that no further run is needed."""
STRONG_LOSSES: tuple[Loss, ...] = (margin, log_odds)


@dataclass(frozen=True)
class Attacked:
    """The adversarial image (3, H, W) in [0, 1], and what it took."""

    image: torch.Tensor
    effort: Effort


def paper_attack(objective: Objective, budget: Budget, draw: Draw, generator: torch.Generator, steps: int) -> Attacked:
    """The published attack: m noise images drawn once, -log of the mean softmax, one random start, the last iterate."""
    noise = kept(draw(objective.m))
    start = budget.random_start(generator)
    image = pgd(lambda image: objective.ascent(image, noise, published).gradient, budget, start, steps)
    return Attacked(image[0], objective.effort)


def strong_attack(
    objective: Objective, budget: Budget, draw: Draw, generator: torch.Generator, steps: int, restarts: int
) -> Attacked:
    """The best of all runs: new noise at every step, two losses that never saturate, APGD's steps, random starts.

    All that is judged is judged under the same noise, which no step has met.
    """
    judge = Judge(objective, draw(JUDGED_BY * objective.m))
    best = judge.judged(budget.clean)
    for loss in STRONG_LOSSES:
        for _ in range(restarts):
            start = budget.random_start(generator)
            run = auto_pgd(ascent_of(objective, draw, loss), budget, start, steps, generator)
            images = shortlisted(run, objective.label)
            best = max([best, *map(judge.judged, images)], key=lambda found: found.margins)
            if best.margins[0] > CLEAR:
                return Attacked(best.image[0], objective.effort)
    return Attacked(best.image[0], objective.effort)


@dataclass(frozen=True)
class Judged:
    """An image, and the margins by which another class leads: in votes, then in mean logits."""

    image: torch.Tensor
    margins: tuple[float, float]


@dataclass(frozen=True)
class Judge:
    """Compares images under one noise (n, 3, H, W)."""

    objective: Objective
    noise: torch.Tensor

    def judged(self, image: torch.Tensor) -> Judged:
        logits, label = self.objective.logits(image, self.noise), self.objective.label
        return Judged(image, (vote_margin(logits, label), float(margin(logits, label))))


def ascent_of(objective: Objective, draw: Draw, loss: Loss) -> Callable[[torch.Tensor], Ascent]:
    """Under new noise each time."""
    return lambda image: objective.ascent(image, draw, loss)


def shortlisted(run: Iterable[Iterate], label: int) -> Iterator[torch.Tensor]:
    """The last image of a run, and those that had the best margins on the way."""
    iterates = list(run)
    yield iterates[-1].image
    best = nlargest(SHORTLIST, iterates[:-1], key=lambda iterate: step_margins(iterate, label))
    yield from (iterate.image for iterate in best)


def step_margins(iterate: Iterate, label: int) -> tuple[float, float]:
    """Under the noise of its own step, which it was not made from."""
    logits = iterate.ascent.logits
    return vote_margin(logits, label), float(margin(logits, label))
