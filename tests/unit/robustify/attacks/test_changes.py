"""Changes of exactly one length, on the linear oracle, whose worst direction is known."""

import math

import pytest
import torch

from adapters.models.oracles import LinearOracle, linear_weights
from robustify.attacks.changes import of_length, random_change, worst_change
from robustify.attacks.noise import AttackNoise
from robustify.attacks.objective import Objective
from robustify.errors import InvalidInputError

SHAPE = (3, 8, 8)
CPU = torch.device("cpu")
RADII = [1e-6, 0.01, 0.3, 8.0]


def clean(value: float = 0.5) -> torch.Tensor:
    return torch.full((1, *SHAPE), value)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def worst(radius: float, image: torch.Tensor, steps: int = 10) -> torch.Tensor:
    objective = Objective(LinearOracle(CPU), 0, m=1, batch_size=1)
    return worst_change(objective, image, radius, AttackNoise(bytes(32), 0.25, SHAPE, CPU), generator(), steps)


@pytest.mark.parametrize("radius", RADII)
def test_length_of_a_change(radius: float) -> None:
    """It is the radius, in float64, whatever the direction; also at the ends of [0, 1], where an attack is clamped."""
    for change in (random_change(clean(), radius, generator()), worst(radius, clean()), worst(radius, clean(0.0))):
        assert change.dtype == torch.float64
        assert change.shape == (1, *SHAPE)
        assert math.isclose(float(torch.linalg.vector_norm(change)), radius, rel_tol=1e-12)


@pytest.mark.parametrize("radius", RADII)
def test_worst_direction(radius: float) -> None:
    """It is nearly against the weights, the exact worst, also where the radius is smaller than an attack can step."""
    towards_the_other = -torch.tensor(linear_weights(SHAPE))[None]
    cosine = float((worst(radius, clean()) * towards_the_other).sum()) / radius
    assert cosine > (0.95 if radius < 1 else 0.5)  # Within [0, 1], a large change cannot follow it all the way.
    random = float((random_change(clean(), radius, generator()) * towards_the_other).sum()) / radius
    assert abs(random) < 0.3


def test_random_direction_when_it_is_asked_for_again() -> None:
    """The same seed gives the same direction at another length; another seed another one."""
    first, longer = (random_change(clean(), radius, generator()) for radius in (0.1, 0.2))
    assert torch.allclose(2 * first, longer)
    assert not torch.allclose(first, random_change(clean(), 0.1, generator(1)))


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_direction_when_there_is_none(value: float) -> None:
    """It is said, with what to ask for."""
    with pytest.raises(InvalidInputError, match="no direction"):
        of_length(clean(value), 0.1)
