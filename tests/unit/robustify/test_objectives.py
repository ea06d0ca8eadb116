"""The losses of an adaptation: batched, and the same as one image at a time through diffusers' own scheduler."""

import pytest
import torch
from diffusers import DDPMScheduler
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from robustify.adaptation.objectives import (
    Diffusion,
    NoisyBatch,
    denoise_batch,
    draw_batch,
    fine_tuning_loss,
    personalization_loss,
)

CLASSES, SIDE, TIMESTEPS, K, WEIGHT = 5, 8, 1000, 1.8, 0.7


class TinyPredictor(nn.Module):
    """Its noise depends on the image, the timestep and the noise level."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.modulation = nn.Linear(2, 3)

    def forward(self, x_t: torch.Tensor, timesteps: torch.Tensor, noise_levels: torch.Tensor) -> torch.Tensor:
        times = torch.stack([timesteps.float(), noise_levels], dim=1) / TIMESTEPS
        output: torch.Tensor = self.conv(x_t) * (1 + self.modulation(times)[:, :, None, None])
        return output


@pytest.fixture
def predictor() -> TinyPredictor:
    torch.manual_seed(0)
    return TinyPredictor()


@pytest.fixture
def classifier() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, CLASSES)).requires_grad_(False)


@pytest.fixture
def scheduler() -> DDPMScheduler:
    return DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=True, variance_type="fixed_small")


@pytest.fixture
def diffusion(scheduler: DDPMScheduler) -> Diffusion:
    return Diffusion(scheduler.alphas_cumprod, K)


@pytest.fixture
def batch() -> NoisyBatch:
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(6, 3, SIDE, SIDE, generator=generator)
    eps = torch.randn(images.shape, generator=generator)
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    return NoisyBatch(images, labels, eps, torch.tensor([0, 1, 250, 554, 556, TIMESTEPS - 1]))


def losses_one_by_one(
    predictor: nn.Module, classifier: nn.Module, scheduler: DDPMScheduler, batch: NoisyBatch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Eq. 10 and 11 as lines 7 to 15 of Algorithm 2 say them: a loop over the images, with diffusers' formulas."""
    diffusion_losses, classifier_losses = [], []
    for image, label, eps, t in zip(batch.images, batch.labels, batch.eps, batch.timesteps, strict=True):
        x_t = scheduler.add_noise(2 * image[None] - 1, eps[None], t[None])
        level = min(K * float(t), TIMESTEPS - 1)
        predicted = predictor(x_t, t[None], torch.tensor([level]))
        x0 = scheduler.step(predicted, int(t), x_t).pred_original_sample
        diffusion_losses.append(mse_loss(predicted[0], eps))
        classifier_losses.append(cross_entropy(classifier((x0 + 1) / 2), label[None]))
    return torch.stack(diffusion_losses).mean(), torch.stack(classifier_losses).mean()


def gradients(loss: torch.Tensor, module: nn.Module) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss, list(module.parameters())))


def test_personalization_when_the_batch_is_gone_through_one_by_one(
    predictor: TinyPredictor,
    classifier: nn.Module,
    scheduler: DDPMScheduler,
    diffusion: Diffusion,
    batch: NoisyBatch,
) -> None:
    """Both parts, their sum, and the gradients are those of the loop."""
    found = personalization_loss(predictor, classifier, diffusion, batch, WEIGHT)
    eps_loss, class_loss = losses_one_by_one(predictor, classifier, scheduler, batch)

    torch.testing.assert_close(found.diffusion, eps_loss)
    torch.testing.assert_close(found.classifier, class_loss)
    torch.testing.assert_close(found.total, eps_loss + WEIGHT * class_loss)
    expected = gradients(eps_loss + WEIGHT * class_loss, predictor)
    for ours, theirs in zip(gradients(found.total, predictor), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_personalization_when_the_classifier_guides(
    predictor: TinyPredictor, classifier: nn.Module, diffusion: Diffusion, batch: NoisyBatch
) -> None:
    """Its loss moves the denoiser; neither it nor the noise is trained."""
    found = personalization_loss(predictor, classifier, diffusion, batch, WEIGHT)
    found.total.backward()

    assert any(
        gradient.abs().max() > 1e-4 for gradient in gradients_of_guidance(predictor, classifier, diffusion, batch)
    )
    assert all(parameter.grad is not None for parameter in predictor.parameters())
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert batch.eps.grad is None
    assert not batch.eps.requires_grad


def gradients_of_guidance(
    predictor: TinyPredictor, classifier: nn.Module, diffusion: Diffusion, batch: NoisyBatch
) -> list[torch.Tensor]:
    return gradients(personalization_loss(predictor, classifier, diffusion, batch, 1.0).classifier, predictor)


def test_noise_levels_when_k_t_is_over_the_last(diffusion: Diffusion) -> None:
    """k t in float, and at most the last level of training."""
    levels = diffusion.noise_levels(torch.tensor([0, 1, 554, 555, 556, 999]))

    torch.testing.assert_close(levels, torch.tensor([0.0, 1.8, 997.2, 999.0, 999.0, 999.0]))


def test_fine_tuning_when_the_denoiser_could_learn(
    predictor: TinyPredictor,
    classifier: nn.Module,
    scheduler: DDPMScheduler,
    diffusion: Diffusion,
    batch: NoisyBatch,
) -> None:
    """The loss and the classifier's gradients are those of the loop, and no gradient reaches the denoiser."""
    classifier.requires_grad_(True)
    loss = fine_tuning_loss(predictor, classifier, diffusion, batch)
    _, expected = losses_one_by_one(predictor, classifier, scheduler, batch)

    torch.testing.assert_close(loss, expected)
    for ours, theirs in zip(gradients(loss, classifier), gradients(expected, classifier), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    loss = fine_tuning_loss(predictor, classifier, diffusion, batch)
    loss.backward()
    assert all(parameter.grad is None for parameter in predictor.parameters())


def test_denoising_when_the_noise_is_known(diffusion: Diffusion, batch: NoisyBatch) -> None:
    """A predictor that sees the very noise gets the images back, but for the timesteps that leave next to nothing."""
    denoised = denoise_batch(lambda x_t, timesteps, levels: batch.eps, diffusion, batch)

    torch.testing.assert_close(denoised[:5], batch.images[:5], rtol=0, atol=1e-4)
    assert 0 <= denoised.min() <= denoised.max() <= 1


def test_drawing_when_the_generator_is_the_same() -> None:
    """The same batch; images go with their labels, and timesteps cover 0 to T - 1."""
    labels = torch.arange(7)
    images = labels.float().view(7, 1, 1, 1).expand(7, 3, 2, 2)
    first, second = (draw_batch(images, labels, 500, 10, torch.Generator().manual_seed(3)) for _ in range(2))

    assert all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("images", "eps", "timesteps"))
    assert torch.equal(first.images[:, 0, 0, 0], first.labels.float())
    assert set(first.timesteps.tolist()) == set(range(10))
    assert set(first.labels.tolist()) == set(range(7))
    assert float(first.eps.std()) == pytest.approx(1, abs=0.05)
