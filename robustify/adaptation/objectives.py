"""What adaptation minimises: the loss of classifier-guided personalisation and of classifier fine-tuning (Eq. 10-13).

Everything is batched, each image with a timestep of its own. Images are (B, 3, H, W) in [0, 1], labels (B,).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import cross_entropy, mse_loss

from robustify.denoising import Thresholding, remove_noise
from robustify.interfaces import Classifier


class NoisePredictor(Protocol):
    """eps_theta: the noise (B, 3, H, W) seen in x_t, given twice, at timesteps (B,) and noise levels (B,)."""

    def __call__(self, x_t: torch.Tensor, timesteps: torch.Tensor, noise_levels: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class Diffusion:
    """The forward process of a diffusion model at integer timesteps, and its reversal in one step.

    `alphas_cumprod`: (T,). `k`: the correction factor of Eq. 8; k t is capped at the last level of training.
    """

    alphas_cumprod: torch.Tensor
    k: float
    threshold: Thresholding = Thresholding()

    @property
    def timesteps(self) -> int:
        return len(self.alphas_cumprod)

    def noise_levels(self, timesteps: torch.Tensor) -> torch.Tensor:
        return (self.k * timesteps.float()).clamp(max=self.timesteps - 1)

    def add_noise(self, images: torch.Tensor, eps: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """x_t in [-1, 1] units (Eq. 5)."""
        alpha = self._alpha(timesteps)
        return alpha.sqrt() * (2 * images - 1) + (1 - alpha).sqrt() * eps

    def remove_noise(self, x_t: torch.Tensor, eps: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """The clean images in [0, 1] (Eq. 9)."""
        alpha = self._alpha(timesteps)
        return remove_noise(x_t / alpha.sqrt(), eps, ((1 - alpha) / alpha).sqrt(), self.threshold)

    def _alpha(self, timesteps: torch.Tensor) -> torch.Tensor:
        return self.alphas_cumprod.to(timesteps.device)[timesteps].view(-1, 1, 1, 1)


@dataclass(frozen=True)
class NoisyBatch:
    """Reference images with the noise and the timesteps drawn for them."""

    images: torch.Tensor
    labels: torch.Tensor
    eps: torch.Tensor
    timesteps: torch.Tensor


@dataclass(frozen=True)
class PersonalizationLoss:
    """Eq. 12 and its parts: `total` = `diffusion` (Eq. 10) + weight x `classifier` (Eq. 11)."""

    total: torch.Tensor
    diffusion: torch.Tensor
    classifier: torch.Tensor


def draw_batch(
    images: torch.Tensor, labels: torch.Tensor, size: int, timesteps: int, generator: torch.Generator
) -> NoisyBatch:
    """`size` references with replacement, t uniform in 0 .. timesteps - 1, standard normal noise."""
    chosen = torch.randint(len(images), (size,), generator=generator)
    drawn = torch.randint(timesteps, (size,), generator=generator)
    eps = torch.randn((size, *images.shape[1:]), generator=generator)
    return NoisyBatch(images[chosen], labels[chosen], eps, drawn)


def personalization_loss(
    predict_noise: NoisePredictor, classifier: Classifier, diffusion: Diffusion, batch: NoisyBatch, weight: float
) -> PersonalizationLoss:
    """Eq. 12 for the weights of `predict_noise`; `weight` is lambda. The classifier is left as it is."""
    x_t = diffusion.add_noise(batch.images, batch.eps, batch.timesteps)
    eps = predict_noise(x_t, batch.timesteps, diffusion.noise_levels(batch.timesteps))
    logits = classifier(diffusion.remove_noise(x_t, eps, batch.timesteps))
    diffusion_loss, classifier_loss = mse_loss(eps, batch.eps), cross_entropy(logits, batch.labels)
    return PersonalizationLoss(diffusion_loss + weight * classifier_loss, diffusion_loss, classifier_loss)


def denoise_batch(predict_noise: NoisePredictor, diffusion: Diffusion, batch: NoisyBatch) -> torch.Tensor:
    """The references of a batch, noised and denoised in one step; no gradient."""
    with torch.no_grad():
        x_t = diffusion.add_noise(batch.images, batch.eps, batch.timesteps)
        eps = predict_noise(x_t, batch.timesteps, diffusion.noise_levels(batch.timesteps))
        return diffusion.remove_noise(x_t, eps, batch.timesteps)


def fine_tuning_loss(
    predict_noise: NoisePredictor,
    classifier: Callable[[torch.Tensor], torch.Tensor],
    diffusion: Diffusion,
    batch: NoisyBatch,
) -> torch.Tensor:
    """Eq. 13 for the weights of `classifier`; the denoiser is left as it is."""
    return cross_entropy(classifier(denoise_batch(predict_noise, diffusion, batch)), batch.labels)
