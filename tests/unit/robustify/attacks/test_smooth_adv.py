"""The attacks on the linear oracle, whose exact radius is known."""

import numpy as np
import pytest
import torch

from adapters.models.oracles import LinearOracle, exact_margin, linear_weights
from robustify.attacks.budget import Budget
from robustify.attacks.noise import AttackNoise, Draw, NoNoise
from robustify.attacks.objective import BaseClassifier, Objective
from robustify.attacks.smooth_adv import paper_attack, strong_attack

SHAPE = (3, 8, 8)
CPU = torch.device("cpu")
M = 8


def oracle(scale: float) -> BaseClassifier:
    classifier = LinearOracle(CPU)
    return lambda images: classifier(images).float() * scale


def image_with(margin: float) -> torch.Tensor:
    drawn = np.random.default_rng(0).uniform(0.2, 0.8, SHAPE)
    return torch.from_numpy((drawn + (margin - exact_margin(drawn)) * linear_weights(SHAPE)).astype(np.float32))


def margin_after(draw: Draw, scale: float, radii: float, margin: float = 0.3) -> float:
    """Of the image that the strong attack finds at so many radii, towards the other class: negative when it fell."""
    objective = Objective(oracle(scale), 0 if margin > 0 else 1, m=M, batch_size=M)
    budget = Budget(image_with(margin)[None], radii * abs(margin))
    found = strong_attack(objective, budget, draw, torch.Generator().manual_seed(0), steps=20, restarts=1)
    return float(exact_margin(found.image.numpy()) * np.sign(margin))


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("margin", [0.3, -0.3])
def test_strong_attack_about_the_exact_radius(scale: float, margin: float) -> None:
    """Just beyond it the image falls, just within it cannot; whatever the size of the logits."""
    draw = AttackNoise(bytes(32), 0.25, SHAPE, CPU)

    assert margin_after(draw, scale, 1.02, margin) < 0
    assert margin_after(draw, scale, 0.98, margin) > 0


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_strong_attack_without_noise(scale: float) -> None:
    """It is an attack on the classifier itself, and as exact."""
    assert margin_after(NoNoise(SHAPE, CPU), scale, 1.02) < 0
    assert margin_after(NoNoise(SHAPE, CPU), scale, 0.98) > 0


def test_paper_attack_when_logits_are_large() -> None:
    """Its gradients are exactly zero and the image stands, far beyond its radius: the published attack is weak."""
    image = image_with(1.2)
    objective = Objective(oracle(1000), 0, m=M, batch_size=M)
    draw = AttackNoise(bytes(32), 0.12, SHAPE, CPU)
    found = paper_attack(objective, Budget(image[None], 1.8), draw, torch.Generator().manual_seed(0), 20)

    assert found.effort.zero_share > 0.9
    assert exact_margin(found.image.numpy()) > 0
    strong = Objective(oracle(1000), 0, m=M, batch_size=M)
    fallen = strong_attack(strong, Budget(image[None], 1.8), draw, torch.Generator().manual_seed(0), 20, 1)
    assert exact_margin(fallen.image.numpy()) < 0


def test_strong_attack_with_the_same_seeds() -> None:
    """It finds the same image again."""
    found = [
        strong_attack(
            Objective(oracle(1), 0, m=M, batch_size=M),
            Budget(image_with(0.3)[None], 0.3),
            AttackNoise(bytes(32), 0.25, SHAPE, CPU),
            torch.Generator().manual_seed(3),
            steps=5,
            restarts=2,
        )
        for _ in range(2)
    ]

    assert torch.equal(found[0].image, found[1].image)
