"""The noise that an attack averages over: public, of a phase of its own, and so never the noise that is counted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from robustify.smoothing.device_noise import device_samples
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples
from robustify.types import Phase

Draw = Callable[[int], torch.Tensor]
"""So many noise images (count, 3, H, W), none of which was drawn before."""


@dataclass
class AttackNoise:
    """N(0, sigma^2) for images of `shape`, under a seed of 32 bytes that anybody may know."""

    seed: bytes
    sigma: float
    shape: tuple[int, ...]
    device: torch.device
    drawn: int = 0

    def __call__(self, count: int) -> torch.Tensor:
        first, self.drawn = self.drawn, self.drawn + count
        # The noisy copies of an image of zeros are the noise.
        samples = GaussianSamples(np.zeros(self.shape, dtype=np.float32), self.sigma, SeededNoise(self.seed))
        on_device = device_samples(samples, self.device) if self.device.type == "cuda" else None
        if on_device is not None:
            return on_device(Phase.ATTACK, first, count)
        return torch.from_numpy(samples(Phase.ATTACK, first, count)).to(self.device)


@dataclass(frozen=True)
class NoNoise:
    """Of a classifier that is not smoothed: copies of the image itself."""

    shape: tuple[int, ...]
    device: torch.device

    def __call__(self, count: int) -> torch.Tensor:
        return torch.zeros((count, *self.shape), device=self.device)


def kept(noise: torch.Tensor) -> Draw:
    """The same noise every time, as the paper draws its m vectors once."""
    return lambda count: noise[:count]
