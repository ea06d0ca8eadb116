"""One-step denoising in [-1, 1]: from a noisy image and the noise that a model sees in it to the clean one (Eq. 9)."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Thresholding:
    """Imagen's dynamic thresholding; with `max_value` 1, as IF-II has it, exactly a clamp to [-1, 1]."""

    max_value: float = 1.0
    ratio: float = 0.95

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        if self.max_value == 1:
            return x0.clamp(-1, 1)
        largest = torch.quantile(x0.flatten(1).abs(), self.ratio, dim=1)
        limit = largest.clamp(1, self.max_value).view(-1, 1, 1, 1)
        return x0.clamp(-limit, limit) / limit


def remove_noise(
    noisy: torch.Tensor, eps: torch.Tensor, scale: float | torch.Tensor, threshold: Thresholding
) -> torch.Tensor:
    """The clean images (B, 3, H, W) in [0, 1].

    `noisy`: x_t / sqrt(alpha_t), around [-1, 1]; `eps`: the noise seen in it, of unit variance; `scale`:
    sqrt((1 - alpha_t) / alpha_t), one number or (B, 1, 1, 1).
    """
    return (threshold(noisy - scale * eps) + 1) / 2
