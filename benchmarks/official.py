"""The official code's way of computing, re-implemented to be measured against: float32, per-sample Python loops.

Not used by the product. Source: the paper's repository, IF_robust_model.py, self_personalization.py and
classifier_finetuning.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch.nn.functional import cross_entropy, mse_loss

from robustify.adaptation.objectives import NoisyBatch

OFFICIAL_LEVEL_CAP = 1000.0
Classify = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class OfficialDenoiser:
    """A UNet with the scheduler that is stepped once a sample; `rows` (77, D) is repeated for every batch."""

    unet: UNet2DConditionModel
    scheduler: DDPMScheduler
    rows: torch.Tensor
    k: float

    def predict_noise(self, noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        levels = (self.k * timesteps.float()).clamp(max=OFFICIAL_LEVEL_CAP)
        eps: torch.Tensor = self.unet(
            torch.cat([noisy, noisy], dim=1),
            timesteps,
            encoder_hidden_states=self.rows.repeat(len(noisy), 1, 1),
            class_labels=levels,
        ).sample[:, :3]
        return eps

    def clean(self, eps: torch.Tensor, noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """x0 in [0, 1] by `scheduler.step`, one sample after the other."""
        images = []
        for index, timestep in enumerate(timesteps.tolist()):
            self.scheduler.set_timesteps(timesteps=[timestep])
            step = self.scheduler.step(eps[index : index + 1], timestep, noisy[index : index + 1])
            images.append((step.pred_original_sample / 2 + 0.5).clamp(0, 1))
        return torch.cat(images)


@dataclass(frozen=True)
class OfficialDenoising:
    """IF_robust_model.py: the whole batch in float32, then `scheduler.step` with its quantile and its variance noise.

    `alpha` is that of the integer `timestep`; images (B, 3, H, W) in [0, 1] are classified after noise sigma is added.
    """

    denoiser: OfficialDenoiser
    timestep: int
    sigma: float

    def denoise(self, images: torch.Tensor) -> torch.Tensor:
        scheduler = self.denoiser.scheduler
        noisy = 2 * (images + self.sigma * torch.randn_like(images)) - 1
        x_t = scheduler.alphas_cumprod[self.timestep] ** 0.5 * noisy
        eps = self.denoiser.predict_noise(x_t, torch.full((len(images),), self.timestep, device=x_t.device))
        scheduler.set_timesteps(timesteps=[self.timestep])
        clean: torch.Tensor = scheduler.step(eps, self.timestep, x_t).pred_original_sample
        return (clean / 2 + 0.5).clamp(0, 1)


def personalization_loss(
    denoiser: OfficialDenoiser, classify: Classify, batch: NoisyBatch, weight: float
) -> Mapping[str, torch.Tensor]:
    """self_personalization.py: the UNet sees the batch, the scheduler each sample."""
    noisy = denoiser.scheduler.add_noise(2 * batch.images - 1, batch.eps, batch.timesteps)
    eps = denoiser.predict_noise(noisy, batch.timesteps)
    diffusion = mse_loss(eps, batch.eps)
    classifier = cross_entropy(classify(denoiser.clean(eps, noisy, batch.timesteps)), batch.labels)
    return {"total": diffusion + weight * classifier, "diffusion": diffusion, "classifier": classifier}


def fine_tuning_loss(denoiser: OfficialDenoiser, classify: Classify, batch: NoisyBatch) -> Mapping[str, torch.Tensor]:
    """classifier_finetuning.py: the denoiser is called once for every sample."""
    images = []
    with torch.no_grad():
        for index in range(len(batch.images)):
            one = slice(index, index + 1)
            noisy = denoiser.scheduler.add_noise(2 * batch.images[one] - 1, batch.eps[one], batch.timesteps[one])
            eps = denoiser.predict_noise(noisy, batch.timesteps[one])
            images.append(denoiser.clean(eps, noisy, batch.timesteps[one]))
    return {"total": cross_entropy(classify(torch.cat(images)), batch.labels)}
