from pathlib import Path

import pytest
import torch
from torch import nn

from adapters.embedded.recipe.clip import augment, blur
from adapters.embedded.recipe.data import LabelledImages, TrainingSet
from adapters.embedded.recipe.training import TrainingOptions, learning_rate_factor, train
from adapters.models.training.checkpoints import Checkpoint

OPTIONS = TrainingOptions(steps=20, learning_rate=0.05, weight_decay=0.01, warmup_steps=2, checkpoint_seconds=0)


def fit(path: Path, stop_after: int | None = None) -> dict[str, torch.Tensor]:
    """Fit a line to noisy points; `stop_after` ends the run there as a crash would."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1)

    def loss_of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        if step == stop_after:
            raise KeyboardInterrupt
        x = torch.randn(16, 3, generator=generator)
        return nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))

    return train(model, loss_of_step, OPTIONS, Checkpoint(path))


def test_stopped_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    """A run that was cut off and taken up gives bit for bit what an undisturbed one gives."""
    whole = fit(tmp_path / "whole.safetensors")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "cut.safetensors", stop_after=12)
    resumed = fit(tmp_path / "cut.safetensors")

    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_learning_rate_rises_stays_and_falls_to_zero() -> None:
    """Warm-up, constant, linear fall over the last part."""
    options = TrainingOptions(steps=100, learning_rate=1, weight_decay=0, warmup_steps=10, decay_share=0.5)
    factors = [learning_rate_factor(step, options) for step in range(101)]

    assert factors[0] == pytest.approx(0.1)
    assert set(factors[9:50]) == {1.0}
    assert factors[75] == pytest.approx(0.5)
    assert factors[100] == 0


def test_batch_holds_the_asked_share_of_each_set() -> None:
    """The first rows come from the first set, with labels of the second shifted behind its own."""
    black = LabelledImages(torch.zeros(5, 3, 32, 32, dtype=torch.uint8), torch.arange(5) % 2, ("a", "b"))
    white = LabelledImages(torch.full((7, 3, 32, 32), 255, dtype=torch.uint8), torch.arange(7) % 3, ("c", "d", "e"))
    images, labels = TrainingSet(black, white).draw(10, 0.4, torch.Generator().manual_seed(0))

    assert images[:4].max() == 0
    assert images[4:].min() == 255
    assert labels[:4].max() < 2 <= labels[4:].min()


def test_augmentation_keeps_shape_and_depends_on_the_generator_alone() -> None:
    """The same generator makes the same views, four times the pixels of the images."""
    images = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    first, second = (augment(images, torch.Generator().manual_seed(2)) for _ in range(2))

    assert first.shape == (6, 3, 64, 64)
    assert torch.equal(first, second)


def test_blur_keeps_flat_images_and_smooths_others() -> None:
    """A kernel sums to one, and a larger sigma leaves less contrast."""
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    images[1] = images[0]
    blurred = blur(images, torch.tensor([0.3, 1.0]).view(2, 1, 1, 1))

    assert torch.allclose(blur(torch.ones(1, 3, 8, 8), torch.full((1, 1, 1, 1), 0.7)), torch.ones(1, 3, 8, 8))
    assert blurred[1].std() < blurred[0].std()
