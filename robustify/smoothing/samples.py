"""The noisy copies of an image that f votes on: sample i of a phase is a function of image, noise and i alone.

What float32 and float64 do to Gaussian samples, and who pays. Let m = round64(sigma z), with the float64 sigma of the
certificate. A sample is round32(round64(x + m)).

1. m does not depend on x, and both roundings are fixed functions of the real number y = x + m. So the votes are those
   of the base classifier y -> f(round32(round64(y))) at x + m: rounding belongs to the classifier, as a resize does.
2. What remains is that m is not quite N(0, sigma^2). Its mean is 0: each |z| has either sign. Its standard
   deviation along any direction is sigma sqrt(E z^2), and z is within e = 4e-12 of a normal value (`normal`):
   |sqrt(E z^2) - 1| < e E|z| + e^2 < 4e-12; float64 adds 2^-53 for round64. Where the class ends at a plane, which is
   the classifier that Cohen's radius is tight for, the radius is proportional to that deviation: the radius pays with
   `RELATIVE_STEP` = 1e-9, over two hundred times as much. (A sigma in float32 would have cost up to 6e-8.)
3. A classifier that reads the last bits of a sample may still tell m from N(0, sigma^2), and one image from another.
   There is little to read, as m is some 2^29 times as fine as a sample: but that is not counted. With lattice noise it
   is (`lattice`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robustify.counting import NoiseSource
from robustify.smoothing.lattice import noisy_sample

BLOCK_VALUES = 1 << 15
"""Of samples drawn at a time, if there are so many in one: small images share the cost of a call, large ones the
cache."""


class SampleSource(Protocol):
    """Samples first .. first + count - 1 of a phase: float32 (count, 3, H, W), around [0, 1] and not clamped."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""

    def __call__(self, phase: str, first: int, count: int) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class GaussianSamples:
    """x + sigma N(0, 1) in float64, rounded once to float32; `image` is float32 in [0, 1], `noise` standard normal."""

    image: np.ndarray
    sigma: float
    noise: NoiseSource

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.shape

    def __call__(self, phase: str, first: int, count: int) -> np.ndarray:
        samples = np.empty((count, *self.shape), dtype=np.float32)
        image = self.image.astype(np.float64)
        for start, size in blocks(count, image.size):
            noise = self.sigma * self.noise(phase, first + start, size, self.shape)
            samples[start : start + size] = np.add(image, noise, out=noise)
        return samples


@dataclass(frozen=True, eq=False)
class LatticeSamples:
    """(levels + whole noise) / 255: the sum is exact, whichever image it is of; `levels` and `noise` are int16."""

    levels: np.ndarray
    noise: NoiseSource

    @property
    def shape(self) -> tuple[int, ...]:
        return self.levels.shape

    def __call__(self, phase: str, first: int, count: int) -> np.ndarray:
        samples = np.empty((count, *self.shape), dtype=np.float32)
        for start, size in blocks(count, self.levels.size):
            noise = self.noise(phase, first + start, size, self.shape)
            samples[start : start + size] = noisy_sample(self.levels, noise)
        return samples


def blocks(count: int, values: int) -> Iterator[tuple[int, int]]:
    """(start, size) of the blocks of so many samples with so many values each."""
    size = max(1, BLOCK_VALUES // values)
    for start in range(0, count, size):
        yield start, min(size, count - start)
