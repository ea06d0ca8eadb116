"""AutoAttack's APGD and Square on the linear oracle."""

import numpy as np
import pytest
import torch

from adapters.attacks.auto_attack import apgd, check_sides, square
from adapters.attacks.scores import Scores, Smoothed
from adapters.models.oracles import LinearOracle, exact_margin, linear_weights
from robustify.attacks.budget import Budget, l2_distance
from robustify.attacks.noise import AttackNoise, kept
from robustify.attacks.objective import BaseClassifier, Objective
from robustify.errors import InvalidInputError

SHAPE = (3, 8, 8)
CPU = torch.device("cpu")
RADIUS = 0.3


def oracle(scale: float) -> BaseClassifier:
    classifier = LinearOracle(CPU)
    return lambda images: classifier(images).float() * scale


def clean() -> torch.Tensor:
    drawn = np.random.default_rng(0).uniform(0.2, 0.8, SHAPE)
    return torch.from_numpy((drawn + (RADIUS - exact_margin(drawn)) * linear_weights(SHAPE)).astype(np.float32))


def noise() -> AttackNoise:
    return AttackNoise(bytes(32), 0.25, SHAPE, CPU)


def margin_at(radii: float, scores: Scores, scale: float = 1.0) -> tuple[float, float]:
    """Of the image that APGD finds: its exact margin, and the share of zero gradients."""
    objective = Objective(oracle(scale), 0, m=8, batch_size=8)
    budget = Budget(clean()[None], radii * RADIUS)
    found = apgd(objective, budget, noise(), scores, seed=0, steps=20, restarts=1)
    assert found.effort.gradients == 21
    return exact_margin(found.image.numpy()), found.effort.zero_share


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_apgd_by_mean_logits(scale: float) -> None:
    """It is exact at any scale: the image falls just beyond its radius, and not within."""
    assert margin_at(1.02, Scores.MEAN_LOGIT, scale)[0] < 0
    assert margin_at(0.98, Scores.MEAN_LOGIT, scale)[0] > 0


def test_apgd_by_the_published_score() -> None:
    """It is as exact while the softmax has a slope."""
    assert margin_at(1.02, Scores.LOG_MEAN_SOFTMAX)[0] < 0
    assert margin_at(0.98, Scores.LOG_MEAN_SOFTMAX)[0] > 0


def test_square_by_votes() -> None:
    """Without gradients it lowers the margin within its budget, and never falls within the exact radius."""
    objective = Objective(oracle(1.0), 0, m=8, batch_size=8)
    found = square(objective, Budget(clean()[None], 0.98 * RADIUS), noise(), Scores.VOTES, seed=0, queries=50)

    assert 0 < exact_margin(found.image.numpy()) < RADIUS
    assert l2_distance(found.image, clean()) <= 0.98 * RADIUS * (1 + 1e-5)
    assert objective.effort.gradients == 0
    assert objective.effort.forwards <= 51 * 8


@pytest.mark.parametrize("side", [3, 12, 14, 19, 24])
def test_square_on_sizes_that_the_library_cannot_take(side: int) -> None:
    """They are refused, and the usual ones are not."""
    with pytest.raises(InvalidInputError, match=f"{side} pixels"):
        check_sides(torch.zeros(1, 3, 32, side))
    for usual in (8, 16, 28, 32, 64, 96, 224, 256, 336, 384):
        check_sides(torch.zeros(1, 3, usual, usual))


def test_scores_of_a_smoothed_classifier() -> None:
    """Votes and logarithms are those of the noisy copies; the first image sets the unit of mean logits."""
    objective, draw = Objective(oracle(1.0), 0, m=8, batch_size=3), kept(noise()(8))
    images = torch.stack([clean(), 1 - clean()])
    logits = torch.stack([oracle(1.0)(image + noise()(8)) for image in images])
    shares, logs, means = (
        Smoothed(objective, draw, scores)(images)
        for scores in (Scores.VOTES, Scores.LOG_MEAN_SOFTMAX, Scores.MEAN_LOGIT)
    )

    assert torch.allclose(shares[:, 0], (logits[:, :, 0] > logits[:, :, 1]).float().mean(dim=1))
    assert torch.allclose(logs, logits.softmax(dim=2).mean(dim=1).log())
    assert float(means[0].max() - means[0].min()) == pytest.approx(1.0)


def test_attacks_when_others_draw_random_numbers() -> None:
    """The library's seeds change no draw of the caller's."""
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    margin_at(0.5, Scores.MEAN_LOGIT)

    assert torch.equal(torch.rand(3), expected)
