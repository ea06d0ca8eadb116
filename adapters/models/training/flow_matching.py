"""PRXPixel as a predictor of noise, so that the paper's objectives (Eq. 10-13) train it as they train a UNet.

Flow matching at time t is x_t = (1 - t) (x0 + s eps) with s = t noise_scale / (1 - t). A diffusion model whose alpha is
1 / (1 + s^2) has the same image under another scale, x_t = sqrt(alpha) (x0 + s eps): the network gets it rescaled, and
its clean image says what the noise was, eps = (x_t / sqrt(alpha) - x0) / s.

Eq. 10 then is the loss of the clean image, weighted by 1 / s^2. As the pipeline does, times under 0.05 are left out,
where that weight has no bound, and those at the other end, where hardly any image is left.
"""

from dataclasses import dataclass

import torch

from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser
from robustify.adaptation.objectives import Diffusion

STEPS = 1000
FIRST_TIME, LAST_TIME = 0.05, 0.95


@dataclass(frozen=True)
class FlowSchedule:
    """The times of training in equal steps, and the noise of each."""

    noise_scale: float

    @property
    def times(self) -> torch.Tensor:
        """(STEPS,), float64."""
        return torch.linspace(FIRST_TIME, LAST_TIME, STEPS, dtype=torch.float64)

    @property
    def ratios(self) -> torch.Tensor:
        """s of each time: the noise in [-1, 1] units that an image carries."""
        return self.times * self.noise_scale / (1 - self.times)

    @property
    def alphas_cumprod(self) -> torch.Tensor:
        return 1 / (1 + self.ratios**2)


def diffusion_of_flow(denoiser: PRXPixelDenoiser) -> Diffusion:
    """The forward process that it reverses; there is no k."""
    return Diffusion(FlowSchedule(denoiser.noise_scale).alphas_cumprod.float(), k=1.0)


@dataclass(frozen=True)
class FlowNoise:
    """eps (B, 3, H, W), float32, in x_t of `diffusion_of_flow`, at timesteps (B,), which are integers."""

    denoiser: PRXPixelDenoiser

    def __call__(self, x_t: torch.Tensor, timesteps: torch.Tensor, noise_levels: torch.Tensor) -> torch.Tensor:
        schedule = FlowSchedule(self.denoiser.noise_scale)
        times, ratios, alphas = (
            of_all.float().to(x_t.device)[timesteps.to(x_t.device)].view(-1, 1, 1, 1)
            for of_all in (schedule.times, schedule.ratios, schedule.alphas_cumprod)
        )
        noisy = x_t / alphas.sqrt()
        told = (self.denoiser.told_time_factor * times.flatten()).clamp(max=1)
        return (noisy - self.denoiser.predict_clean((1 - times) * noisy, told)) / ratios
