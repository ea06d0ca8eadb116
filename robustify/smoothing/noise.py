"""Keyed noise: sample i of a phase has the same noise on every worker, in every batch, after every retry."""

import math
from dataclasses import dataclass

import numpy as np

from robustify.smoothing.normal import standard_normal
from robustify.smoothing.stream import words


@dataclass(frozen=True)
class SeededNoise:
    """Standard normal noise, float64, as a function of (seed of a question, phase, sample index) alone."""

    seed: bytes
    """32 bytes, which nobody can guess or choose."""

    def __call__(self, phase: str, first: int, count: int, shape: tuple[int, ...]) -> np.ndarray:
        uniform = words(self.seed, phase, first, count, math.prod(shape))
        return standard_normal(uniform).reshape(count, *shape)
