"""Keyed noise: sample i of a phase has the same noise on every worker, in every batch, after every retry."""

from dataclasses import dataclass

import numpy as np

from robustify.smoothing.seeds import sample_key


@dataclass(frozen=True)
class SeededNoise:
    """Standard normal noise as a function of (seed of a certificate, phase, sample index) alone.

    Philox is counter-based; its 128-bit key is an HMAC that nobody can guess or choose without the seed.
    """

    seed: bytes

    def __call__(self, phase: str, index: int, shape: tuple[int, ...]) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(key=sample_key(self.seed, phase, index)))
        noise: np.ndarray = generator.standard_normal(shape, dtype=np.float32)
        return noise
