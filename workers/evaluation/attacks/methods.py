"""One image, one plan: asks the attack that the plan names."""

from dataclasses import dataclass

import torch

from adapters.attacks import auto_attack
from adapters.attacks.scores import Scores
from robustify.attacks.budget import Budget, shortened
from robustify.attacks.noise import AttackNoise, Draw, NoNoise
from robustify.attacks.objective import BaseClassifier, Objective
from robustify.attacks.smooth_adv import Attacked, paper_attack, strong_attack
from robustify.errors import InvalidInputError
from robustify.smoothing.seeds import public_seed
from workers.evaluation.attacks.plan import AttackMethod, AttackMode, AttackPlan

NOISE, STARTS = b"robustify attack: noise", b"robustify attack: starts"
"""Purposes of seeds that anybody may make again: no question's noise is among them."""
LARGEST_SEED = (1 << 63) - 1


@dataclass(frozen=True)
class Target:
    """The classifier that is attacked; `sigma` is None where it is not smoothed, or attacked as if it were not."""

    base_classifier: BaseClassifier
    sigma: float | None
    batch_size: int
    device: torch.device
    has_gradients: bool = True


def run_plan(plan: AttackPlan, target: Target, clean: torch.Tensor, label: int, name: str) -> Attacked:
    """What the attack finds for an image (3, H, W) whose right class is `label`; `name` decides all that is random.

    Raises InvalidInputError for a classifier without gradients that is not attacked by Square.
    """
    found = asked_attack(plan, target, clean, label, name)
    return Attacked(shortened(found.image.detach().cpu(), clean, plan.eps), found.effort)


def asked_attack(plan: AttackPlan, target: Target, clean: torch.Tensor, label: int, name: str) -> Attacked:
    """The attack that the plan names."""
    if not target.has_gradients and plan.method is not AttackMethod.SQUARE:
        raise InvalidInputError("this classifier gives no gradients: attack it by --method square", field="method")
    objective = Objective(target.base_classifier, label, plan.m, target.batch_size)
    budget, draw = Budget(clean[None].to(target.device), plan.eps), noise_of(target, clean, name)
    seed = int.from_bytes(public_seed(STARTS, name)[:8], "little") & LARGEST_SEED
    scores = scores_of(plan, target)
    if plan.method is AttackMethod.SQUARE:
        return auto_attack.square(objective, budget, draw, scores, seed, plan.steps)
    if plan.method is AttackMethod.APGD:
        return auto_attack.apgd(objective, budget, draw, scores, seed, plan.steps, plan.restarts)
    generator = torch.Generator().manual_seed(seed)
    if plan.mode is AttackMode.PAPER:
        return paper_attack(objective, budget, draw, generator, plan.steps)
    return strong_attack(objective, budget, draw, generator, plan.steps, plan.restarts)


def noise_of(target: Target, clean: torch.Tensor, name: str) -> Draw:
    shape = tuple(clean.shape)
    if target.sigma is None:
        return NoNoise(shape, target.device)
    return AttackNoise(public_seed(NOISE, name), target.sigma, shape, target.device)


def scores_of(plan: AttackPlan, target: Target) -> Scores:
    """Votes are all that may be asked of a black box."""
    if not target.has_gradients:
        return Scores.VOTES
    return Scores.LOG_MEAN_SOFTMAX if plan.mode is AttackMode.PAPER else Scores.MEAN_LOGIT
