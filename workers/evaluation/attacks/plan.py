"""What an attack is asked to do: which one, how far it may go, and how much work it may do for one image."""

from dataclasses import dataclass
from enum import StrEnum

from robustify.attacks.cost import apgd_forwards, paper_forwards, square_forwards, strong_forwards
from robustify.errors import InvalidInputError
from workers.evaluation.runs import Smoothing

PAPER_COPIES = 32
"""m of SmoothAdv."""


class AttackMethod(StrEnum):
    PGD = "pgd"
    """On the base classifier, without noise."""
    SMOOTH_ADV = "smooth-adv"
    """On the smoothed classifier, through its noise."""
    APGD = "apgd"
    SQUARE = "square"
    """Without gradients."""


class AttackMode(StrEnum):
    PAPER = "paper"
    """As published."""
    STRONG = "strong"
    """As strong as we know how: what a robust accuracy should be told by."""


DEFAULT_STEPS = {
    AttackMethod.PGD: 100,
    AttackMethod.SMOOTH_ADV: 100,
    AttackMethod.APGD: 100,
    AttackMethod.SQUARE: 1000,
}


@dataclass(frozen=True)
class AttackPlan:
    """`eps`: L2 distance for pixels in [0, 1]; `steps`: gradients of one run, queries of Square; `m`: noisy copies."""

    method: AttackMethod
    mode: AttackMode
    eps: float
    steps: int
    restarts: int = 1
    m: int = PAPER_COPIES

    @property
    def forwards(self) -> int:
        """Forward passes of f for one image at the most, or as much work; a pass back is two of them."""
        if self.method is AttackMethod.SQUARE:
            return square_forwards(self.steps, self.m)
        if self.method is AttackMethod.APGD:
            return apgd_forwards(self.steps, self.restarts, self.m)
        if self.mode is AttackMode.PAPER:
            return paper_forwards(self.steps, self.m)
        return strong_forwards(self.steps, self.restarts, self.m)


def plan_of(
    method: AttackMethod,
    mode: AttackMode,
    eps: float,
    steps: int | None,
    restarts: int,
    m: int | None,
    defence: Smoothing,
) -> AttackPlan:
    """With the defaults of the method. Raises InvalidInputError for what does not go together."""
    is_smoothed = defence != "no-smoothing" and method is not AttackMethod.PGD
    if method is AttackMethod.SMOOTH_ADV and not is_smoothed:
        raise InvalidInputError("without smoothing there is no noise: attack by pgd, apgd or square", "method")
    if mode is AttackMode.PAPER and restarts > 1:
        raise InvalidInputError("the published attacks have one start: take --mode strong, or --restarts 1", "restarts")
    if not is_smoothed and m not in (None, 1):
        raise InvalidInputError("without noise all copies are the same: leave --m out", field="m")
    copies = (m or PAPER_COPIES) if is_smoothed else 1
    return AttackPlan(method, mode, eps, steps or DEFAULT_STEPS[method], restarts, copies)
