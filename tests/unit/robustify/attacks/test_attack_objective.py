import pytest
import torch

from robustify.attacks.losses import Loss, log_odds, margin, published
from robustify.attacks.noise import AttackNoise, NoNoise, kept
from robustify.attacks.objective import Objective

SHAPE = (3, 4, 4)
CPU = torch.device("cpu")
IMAGE = torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHTS = torch.randn(48, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def f(images: torch.Tensor) -> torch.Tensor:
    """A classifier that bends."""
    return (images.flatten(1) @ WEIGHTS).tanh() * 2


def noise(count: int = 6, seed: bytes = bytes(32)) -> torch.Tensor:
    return AttackNoise(seed, 0.5, SHAPE, CPU)(count)


@pytest.mark.parametrize("loss", [published, log_odds, margin])
def test_gradient_beside_finite_differences(loss: Loss) -> None:
    """Each value of it is the slope of the loss along that pixel, through noise and classifier."""
    objective, draw = Objective(f, 2, m=6, batch_size=6), kept(noise())
    found = objective.ascent(IMAGE, draw, loss)
    steps = 1e-6 * torch.eye(48, dtype=torch.float64).reshape(48, *SHAPE)
    slopes = [
        (objective.ascent(IMAGE + step, draw, loss).loss - objective.ascent(IMAGE - step, draw, loss).loss) / 2e-6
        for step in steps
    ]

    assert found.gradient.flatten().tolist() == pytest.approx(slopes, abs=1e-7)


def test_gradient_when_the_copies_are_several_batches() -> None:
    """It is that of one batch: each batch is computed again on the way back."""
    whole, parts = (Objective(f, 2, m=6, batch_size=size).ascent(IMAGE, kept(noise()), published) for size in (6, 4))

    assert parts.loss == pytest.approx(whole.loss)
    assert torch.allclose(parts.gradient, whole.gradient)


def test_effort_of_gradients_and_votes() -> None:
    """A gradient is three forward passes a copy, and those that are zero are counted."""
    flat = Objective(lambda images: (images * 0).flatten(1)[:, :2], 0, m=3, batch_size=3)
    flat.ascent(IMAGE, NoNoise(SHAPE, CPU), published)
    flat.logits(IMAGE, noise(5))

    assert flat.effort.forwards == 3 * 3 + 5
    assert flat.effort.zero_share == 1.0


def test_noise_of_an_attack() -> None:
    """It is that of the seed, new with every draw, and of a phase in which nothing is counted."""
    draw = AttackNoise(bytes(32), 0.5, SHAPE, CPU)
    first, second = draw(6), draw(6)

    assert torch.equal(first, noise())
    assert not torch.equal(first, second)
    assert torch.equal(torch.cat([first, second]), noise(12))
    assert 0.4 < noise(100).std() < 0.6
