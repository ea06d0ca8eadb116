"""A batch in micro-batches: the losses and the gradient of the whole, whatever their size."""

from collections.abc import Callable, Iterator

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from adapters.models.training.micro_batches import Losses, add_gradient, losses_alone, micro_batches
from adapters.models.training.trainer import Objective
from robustify.adaptation.objectives import (
    Diffusion,
    NoisyBatch,
    draw_batch,
    fine_tuning_loss,
    personalization_loss,
)

IMAGES, CLASSES, WEIGHT = 7, 3, 0.5
DIFFUSION = Diffusion(torch.linspace(0.999, 0.01, 50, dtype=torch.float64), k=1.8)
Learn = Callable[[nn.Module, nn.Module], Objective]


class Noise(nn.Module):
    """A small noise predictor; timesteps and noise levels are told as brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x_t: torch.Tensor, timesteps: torch.Tensor, noise_levels: torch.Tensor) -> torch.Tensor:
        noise: torch.Tensor = self.layer(x_t + 0.01 * (timesteps + noise_levels).view(-1, 1, 1, 1))
        return noise


def to_denoise(noise: nn.Module, classifier: nn.Module) -> Objective:
    """The denoiser learns under guidance of the classifier."""

    def losses(batch: NoisyBatch) -> Losses:
        loss = personalization_loss(noise, classifier, DIFFUSION, batch, WEIGHT)
        return {"total": loss.total, "diffusion": loss.diffusion, "classifier": loss.classifier}

    return Objective(noise, losses)


def to_classify(noise: nn.Module, classifier: nn.Module) -> Objective:
    """The classifier learns denoised images."""
    return Objective(classifier, lambda batch: {"total": fine_tuning_loss(noise, classifier, DIFFUSION, batch)})


@pytest.fixture
def accelerator() -> Iterator[Accelerator]:
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator(cpu=True, mixed_precision="no")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def batch() -> NoisyBatch:
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(9, 3, 4, 4, generator=generator)
    drawn = draw_batch(images, torch.arange(9) % CLASSES, IMAGES, DIFFUSION.timesteps, generator)
    return NoisyBatch(drawn.images.double(), drawn.labels, drawn.eps.double(), drawn.timesteps)


def objective_of(learn: Learn) -> Objective:
    torch.manual_seed(1)
    return learn(Noise().double(), nn.Sequential(nn.Flatten(), nn.Linear(48, CLASSES)).double())


def gradient(
    learn: Learn,
    batch: NoisyBatch,
    size: int | None,
    accelerator: Accelerator,
    pause: Callable[[], None] = lambda: None,
) -> tuple[Losses, list[torch.Tensor]]:
    """(the losses, the gradient of each weight)."""
    objective = objective_of(learn)
    losses = add_gradient(objective, batch, size, accelerator, pause)
    return losses, [weight.grad for weight in objective.trainable().values() if weight.grad is not None]


@pytest.mark.parametrize("learn", [to_denoise, to_classify])
@pytest.mark.parametrize("size", [1, 3, 4, 6])
def test_gradient_when_a_batch_is_cut(learn: Learn, size: int, batch: NoisyBatch, accelerator: Accelerator) -> None:
    """It is that of the whole batch, and so is each loss, also where the last micro-batch is smaller."""
    losses, whole = gradient(learn, batch, None, accelerator)
    found, cut = gradient(learn, batch, size, accelerator)

    assert len(cut) == len(whole) == 2
    for one, other in zip(cut, whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)
    assert set(found) == set(losses)
    for name, loss in losses.items():
        torch.testing.assert_close(found[name], loss, rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", [IMAGES, IMAGES + 1])
def test_gradient_when_a_micro_batch_holds_it_all(size: int, batch: NoisyBatch, accelerator: Accelerator) -> None:
    """Not one bit differs."""
    losses, whole = gradient(to_denoise, batch, None, accelerator)
    found, cut = gradient(to_denoise, batch, size, accelerator)

    assert all(map(torch.equal, cut, whole))
    assert all(torch.equal(found[name], loss) for name, loss in losses.items())


def test_pauses_of_a_batch(batch: NoisyBatch, accelerator: Accelerator) -> None:
    """Between two micro-batches, not before the first nor after the last; with a gradient or without."""
    pauses = list[str]()
    gradient(to_denoise, batch, 3, accelerator, lambda: pauses.append("learning"))
    losses = losses_alone(objective_of(to_denoise), batch, 3, accelerator, lambda: pauses.append("looking"))

    assert pauses == ["learning", "learning", "looking", "looking"]
    assert not any(loss.requires_grad for loss in losses.values())


def test_images_of_micro_batches(batch: NoisyBatch) -> None:
    """Each of the batch in its order, with the noise that was drawn for it, once."""
    parts = list(micro_batches(batch, 3, torch.device("cpu")))

    assert [len(part.images.labels) for part in parts] == [3, 3, 1]
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert [part.is_last for part in parts] == [False, False, True]
    for name in ("images", "labels", "eps", "timesteps"):
        assert torch.equal(torch.cat([getattr(part.images, name) for part in parts]), getattr(batch, name))
