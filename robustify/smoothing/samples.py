"""The noisy copies of an image that f votes on: sample i of a phase is a function of image, noise and i alone."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robustify.counting import NoiseSource
from robustify.smoothing.lattice import noisy_sample


class SampleSource(Protocol):
    """Sample `index` of a phase: float32 (3, H, W), around [0, 1] and not clamped."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __call__(self, phase: str, index: int) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class GaussianSamples:
    """x + sigma N(0, 1) in float32; `image` is float32 in [0, 1], `noise` standard normal."""

    image: np.ndarray
    sigma: float
    noise: NoiseSource

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.shape

    def __call__(self, phase: str, index: int) -> np.ndarray:
        sample: np.ndarray = self.image + np.float32(self.sigma) * self.noise(phase, index, self.shape)
        return sample


@dataclass(frozen=True, eq=False)
class LatticeSamples:
    """(levels + whole noise) / 255: the sum is exact, whichever image it is of; `levels` and `noise` are int16."""

    levels: np.ndarray
    noise: NoiseSource

    @property
    def shape(self) -> tuple[int, ...]:
        return self.levels.shape

    def __call__(self, phase: str, index: int) -> np.ndarray:
        return noisy_sample(self.levels, self.noise(phase, index, self.shape))
