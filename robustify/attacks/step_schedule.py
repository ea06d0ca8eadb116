"""How APGD chooses its steps (Croce and Hein, 2020, section 3): large at first, halved when they are of no use."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FIRST_INTERVAL, SHORTER_BY, SHORTEST = 0.22, 0.03, 0.06
"""Of all steps: how far it is to the first checkpoint, by how much each interval is shorter, and the shortest."""
ENOUGH_RISES = 0.75


def checkpoints(steps: int) -> frozenset[int]:
    """The steps after which the step size is looked at."""
    shares = [0.0, FIRST_INTERVAL]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - SHORTER_BY, SHORTEST))
    # Rounded first: a sum of shares may lie a last bit above what it stands for.
    return frozenset(math.ceil(round(share * steps, 6)) for share in shares[1:])


@dataclass
class StepSize:
    """The step size, and what it was judged by at the last checkpoint."""

    size: float
    best_before: float = -math.inf
    was_halved: bool = True

    def is_halved(self, losses: Sequence[float], best: float) -> bool:
        """Halves the step size where the losses since the last checkpoint rose too seldom, or where nothing better was
        found at the same step size. `losses` begin with the last one before.
        """
        rises = sum(after > before for before, after in pairwise(losses))
        is_stuck = not self.was_halved and best <= self.best_before
        self.was_halved = rises <= ENOUGH_RISES * (len(losses) - 1) or is_stuck
        self.best_before = best
        self.size /= 2 if self.was_halved else 1
        return self.was_halved
