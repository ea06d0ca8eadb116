import pytest
import torch

from robustify.attacks.budget import Budget, l2, l2_distance, shortened

CLEAN = torch.rand(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("eps", [0.1, 1.0, 5.0])
def test_projection_of_images_far_away(eps: float) -> None:
    """They end within the ball and within [0, 1], whichever of the two is narrower."""
    far = CLEAN + 3 * torch.randn(CLEAN.shape, generator=torch.Generator().manual_seed(1))
    projected = Budget(CLEAN, eps).project(far)

    assert all(l2_distance(*pair) <= eps * (1 + 1e-6) for pair in zip(projected, CLEAN, strict=True))
    assert 0 <= projected.min()
    assert projected.max() <= 1


def test_projection_of_images_within_the_budget() -> None:
    """It changes nothing, and nothing is divided by zero where an image is the clean one."""
    near = (CLEAN + 0.001).clamp(0, 1)

    assert torch.allclose(Budget(CLEAN, 1.0).project(near), near)
    assert torch.equal(Budget(CLEAN, 1.0).project(CLEAN), CLEAN)


def test_random_starts() -> None:
    """They lie within the ball, at distances all over it, and the same generator gives the same ones."""
    clean = torch.full((400, 3, 4, 4), 0.5)
    start = Budget(clean, 0.2).random_start(torch.Generator().manual_seed(0))
    distances = l2(start - clean).flatten()

    assert distances.max() <= 0.2 * (1 + 1e-6)
    assert 0.09 < distances.mean() < 0.11
    assert torch.equal(start, Budget(clean, 0.2).random_start(torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("seed", range(5))
def test_shortened_images(seed: int) -> None:
    """Their distance in float64 is at most eps, and hardly less."""
    generator = torch.Generator().manual_seed(seed)
    clean = torch.rand(3, 32, 32, generator=generator)
    change = torch.randn(clean.shape, generator=generator)
    image = shortened(clean + 0.3 * change / change.norm(), clean, 0.3)

    assert 0.29999 < l2_distance(image, clean) <= 0.3
    assert torch.equal(shortened(clean, clean, 0.3), clean)
