import torch

from robustify.attacks.auto_pgd import auto_pgd, direction
from robustify.attacks.budget import Budget, l2
from robustify.attacks.objective import Ascent
from robustify.attacks.step_schedule import StepSize, checkpoints

CLEAN = torch.full((1, 3, 4, 4), 0.5)


def test_checkpoints_of_a_hundred_steps() -> None:
    """They are those of Croce and Hein: 22, 41, 57, 70, 80, then every 6 or 7."""
    assert sorted(checkpoints(100))[:8] == [22, 41, 57, 70, 80, 87, 93, 99]


def test_step_size_when_the_losses_rise() -> None:
    """It stays while nearly every step is better, and is halved once too few are."""
    step = StepSize(2.0)

    assert not step.is_halved([0.0, 1.0, 2.0, 3.0, 4.0], best=4.0)
    assert step.is_halved([4.0, 3.0, 3.5, 3.0, 3.5], best=4.0)
    assert step.size == 1.0


def test_step_size_when_nothing_better_is_found() -> None:
    """It is halved though the losses rise, unless it was halved the time before."""
    step = StepSize(2.0)

    assert not step.is_halved([0.0, 1.0, 2.0], best=2.0)
    assert step.is_halved([0.0, 1.0, 2.0], best=2.0)
    assert not step.is_halved([0.0, 1.0, 2.0], best=2.0)


def test_direction_of_a_gradient_that_underflows() -> None:
    """It has length 1 though the square of the gradient is zero in float32; a gradient of zeros gives a random way."""
    tiny = torch.zeros(1, 3, 4, 4)
    tiny[0, 0, 0, 0] = 1e-30
    ways = [direction(gradient, torch.Generator().manual_seed(0)) for gradient in (tiny, torch.zeros(1, 3, 4, 4))]

    assert [round(float(l2(way)), 5) for way in ways] == [1.0, 1.0]
    assert ways[0][0, 0, 0, 0] == 1.0


def test_auto_pgd_on_a_bowl() -> None:
    """The last of fifty images is near the top, which lies within the ball: large first steps do not overshoot."""
    top = CLEAN.clone()
    top[0, 0] += 0.1

    def ascend(image: torch.Tensor) -> Ascent:
        return Ascent(-float(((image - top) ** 2).sum()), 2 * (top - image), torch.zeros(1, 2))

    generator = torch.Generator().manual_seed(0)
    budget = Budget(CLEAN, 1.0)
    iterates = list(auto_pgd(ascend, budget, budget.random_start(generator), 50, generator))

    assert len(iterates) == 51
    assert max(iterate.ascent.loss for iterate in iterates) > -1e-3
