"""PGD in the paper's settings, beside a straight reading of the paper's text (appendix A.3)."""

import math

import numpy as np
import pytest
import torch

from robustify.attacks.budget import Budget, l2_distance
from robustify.attacks.losses import published
from robustify.attacks.noise import AttackNoise
from robustify.attacks.objective import Objective
from robustify.attacks.pgd import pgd
from robustify.attacks.smooth_adv import paper_attack

SHAPE = (3, 5, 5)
CLEAN = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHTS = torch.randn(75, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def f(images: torch.Tensor) -> torch.Tensor:
    return (images.flatten(1) @ WEIGHTS).sin()


def as_the_paper_says(start: torch.Tensor, noise: torch.Tensor, eps: float, steps: int, label: int) -> torch.Tensor:
    """Line by line: m = 32 vectors kept over all steps, -log of the mean softmax, 4/3 eps / steps, back to the ball,
    then [0, 1]; the last one.
    """
    x = start.clone()
    for _ in range(steps):
        x.requires_grad_()
        mean_softmax = torch.stack([torch.softmax(f((x + delta)[None])[0], 0) for delta in noise]).mean(0)
        (-torch.log(mean_softmax[label])).backward()
        assert x.grad is not None
        with torch.no_grad():
            x = x + (4 / 3) * (eps / steps) * x.grad / math.sqrt(float((x.grad**2).sum()))
            change = x - CLEAN
            length = math.sqrt(float((change**2).sum()))
            if length > eps:
                change = change / length * eps
            x = torch.clamp(CLEAN + change, 0, 1).detach()
    return x


def test_paper_attack_beside_a_straight_reading() -> None:
    """Both end at the same image."""
    eps, steps, label = 0.4, 10, 1
    budget = Budget(CLEAN[None], eps)
    objective = Objective(f, label, m=32, batch_size=32)
    seed = bytes(32)
    found = paper_attack(
        objective,
        budget,
        AttackNoise(seed, 0.25, SHAPE, torch.device("cpu")),
        torch.Generator().manual_seed(5),
        steps,
    )
    noise = AttackNoise(seed, 0.25, SHAPE, torch.device("cpu"))(32)
    start = budget.random_start(torch.Generator().manual_seed(5))[0]
    expected = as_the_paper_says(start, noise, eps, steps, label)

    assert torch.allclose(found.image, expected, atol=1e-8)
    assert found.effort.forwards == steps * 32 * 3


def test_pgd_on_a_plane() -> None:
    """With as many steps as the paper has, and from the clean image, it ends where the ball's edge meets the way up."""
    clean = torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64)
    way = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, 4, 4)))
    found = pgd(lambda images: way, Budget(clean, 0.3), clean, 100)

    assert torch.allclose(found, clean + 0.3 * way / way.norm())


def test_pgd_where_the_gradient_is_zero() -> None:
    """It stays where it started: the published attack cannot go on from there."""
    start = Budget(CLEAN[None], 0.3).random_start(torch.Generator().manual_seed(0))

    assert torch.equal(pgd(torch.zeros_like, Budget(CLEAN[None], 0.3), start, 5), start)


@pytest.mark.parametrize("eps", [0.05, 2.0])
def test_paper_attack_when_it_ends(eps: float) -> None:
    """The image is within eps of the clean one and within [0, 1], and the loss is higher than at the start."""
    budget, objective = Budget(CLEAN[None], eps), Objective(f, 1, m=4, batch_size=4)
    draw = AttackNoise(bytes(32), 0.25, SHAPE, torch.device("cpu"))
    found = paper_attack(objective, budget, draw, torch.Generator().manual_seed(0), 20)
    noise = AttackNoise(bytes(32), 0.25, SHAPE, torch.device("cpu"))(4)

    assert l2_distance(found.image, CLEAN) <= eps * (1 + 1e-9)
    assert 0 <= found.image.min()
    assert found.image.max() <= 1
    losses = [published(objective.logits(image[None], noise), 1) for image in (CLEAN, found.image)]
    assert losses[0] < losses[1]
