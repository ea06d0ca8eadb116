"""Noise of whole grey levels: smoothing whose certificate survives floating point (option `noise: lattice`).

With Gaussian noise in floating point, the sum of image and noise can show which image it was: a classifier that reads
the last bits is certified far beyond its adversarial examples (Voracek and Hein, ICLR 2023, arXiv 2207.07209). Here

    sample = (x + Z) / 255,    x: the image in whole levels of 1/255,    Z: independent, P(Z = k) = P(255 N(0, sigma^2)
                                                                         rounds to k).

Why Cohen's radius holds: for whole x, round(x + d) = x + round(d). So the votes of f for these samples are those of

    h(y) = f(round(255 y) / 255),    y = x / 255 + N(0, sigma^2),

and h is a function of real numbers, which Theorem 1 (Cohen et al., 2019) is about. x + Z is computed in integers, and
is the same number whichever image it came from; the one rounding, of the division, belongs to f. The certificate says
that the smoothed h has this class at every point closer than the radius to x / 255, all pictures of whole levels among
them. It is about the canonical tensor in whole levels (`to_levels`) and not about the uploaded pixels: resize and crop
of another picture do not give whole levels.

Z is drawn by comparing 64 uniform bits with thresholds: 2^64 times the distribution function, rounded. That misses
P(Z = k) by 2^-64 at most, and so the probability of any vote by at most `probability_slack`, which must be subtracted
from the lower bound of p before the radius is taken (and added to an upper one). It remains an assumption that
ChaCha20 under a secret seed gives bits that f cannot tell from uniform ones.
"""

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np

from robustify.smoothing.stream import words
from robustify.types import Noise

CHANNELS = 3
LEVELS = 255
BITS = 64
DIGITS = 60
"""Of the decimal arithmetic; 2^-64 has its first digit at the 20th."""
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")
SMALLEST_TERM = Decimal(10) ** -DIGITS
CELL_BITS = 16
MIN_SIGMA, MAX_SIGMA = 1e-3, 4.0
"""Below, the series of the distribution function would take for ever, and the noise would be no noise."""


@dataclass(frozen=True)
class SeededLatticeNoise:
    """Rounded Gaussian noise in whole levels, as a function of (seed of a question, phase, sample index) and sigma
    alone."""

    seed: bytes
    """32 bytes, which nobody can guess or choose."""
    sigma: float
    """In [0, 1] pixel units."""

    def __call__(self, phase: str, first: int, count: int, shape: tuple[int, ...]) -> np.ndarray:
        """int16 levels (count, *shape)."""
        uniform = words(self.seed, phase, first, count, math.prod(shape))
        return threshold_table(self.sigma).levels(uniform.reshape(-1)).reshape(count, *shape)


def to_levels(image: np.ndarray) -> np.ndarray:
    """The canonical tensor of the lattice: int16 levels, each the nearest to 255 times a value of [0, 1].

    A resize may overshoot a little; ValueError for what is no image.
    """
    if not (np.isfinite(image).all() and np.abs(image).max(initial=0.0) <= 2):
        raise ValueError("an image has finite values, about [0, 1]")
    return np.rint(image.astype(np.float64) * LEVELS).astype(np.int16)


def from_levels(levels: np.ndarray) -> np.ndarray:
    """float32 of levels / 255, from which `to_levels` finds them again."""
    image: np.ndarray = levels.astype(np.float32) / np.float32(LEVELS)
    return image


def noisy_sample(levels: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """What the base classifier gets: float32 of (levels + noise) / 255, not clamped."""
    return from_levels(levels.astype(np.int32) + noise)


def slack_of(noise: Noise, sigma: float, height: int, width: int) -> float:
    """`slack` of `SmoothingParameters` for an image (3, H, W); Gaussian noise is taken to be exact."""
    return probability_slack(sigma, CHANNELS * height * width) if noise is Noise.LATTICE else 0.0


def probability_slack(sigma: float, dimensions: int) -> float:
    """The most by which an event of one sample of so many values is likelier, or less so, than with exact noise.

    The total variation: half the sum over k of the error of P(Z = k), times the number of values. Each error is 2^-64
    at most, and what is beyond the table has less than two of them. 2e-11 for 3 x 224 x 224 and sigma 1.
    """
    outcomes = len(threshold_table(sigma).thresholds) + 3
    return outcomes * dimensions * 2.0 ** -(BITS + 1)


@dataclass(frozen=True, eq=False)
class ThresholdTable:
    """The inverse of the distribution function of Z, on 64-bit integers.

    The guide answers for most u by their first 16 bits; only where a threshold is inside a cell does it take a search.
    """

    thresholds: np.ndarray
    """(T,) uint64, never falling, those of -m and m at the ends: u has the level of how many are at most u, less m."""
    guide: np.ndarray
    """(2, 2^16) int16: the levels of the least and of the greatest u of each cell."""

    def levels(self, uniform: np.ndarray) -> np.ndarray:
        """int16 levels (N,) of uniform 64-bit integers (N,)."""
        cells = (uniform >> np.uint64(BITS - CELL_BITS)).astype(np.uint16)
        levels: np.ndarray = self.guide[0][cells]
        doubtful = np.flatnonzero(levels != self.guide[1][cells])
        levels[doubtful] = search(self.thresholds, uniform[doubtful])
        return levels


@lru_cache(maxsize=8)
def threshold_table(sigma: float) -> ThresholdTable:
    """The table of the rounded Gaussian; up to a second of decimal arithmetic, once in a process for each sigma."""
    above = upper_thresholds(sigma)
    below = [2**BITS - threshold for threshold in reversed(above)]
    thresholds = np.array(below + above, dtype=np.uint64)
    least = np.arange(2**CELL_BITS, dtype=np.uint64) << np.uint64(BITS - CELL_BITS)
    greatest = least | np.uint64(2 ** (BITS - CELL_BITS) - 1)
    return ThresholdTable(thresholds, search(thresholds, np.stack([least, greatest])))


def search(thresholds: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """int16: how many thresholds are at most each number, less half of them all."""
    return (np.searchsorted(thresholds, uniform, side="right") - len(thresholds) // 2).astype(np.int16)


def upper_thresholds(sigma: float) -> list[int]:
    """round(2^64 Phi((2 k + 1) / (510 sigma))) for k = 0, 1, ... as far as they are below 2^64.

    Their mirror images, 2^64 less each, are those below the mean.
    """
    if not MIN_SIGMA <= sigma <= MAX_SIGMA:
        raise ValueError(f"sigma {sigma} is not in [{MIN_SIGMA}, {MAX_SIGMA}]")
    thresholds: list[int] = []
    with localcontext(prec=DIGITS):
        unit = 1 / (2 * LEVELS * Decimal(sigma))
        while (threshold := round(2**BITS * normal_cdf((2 * len(thresholds) + 1) * unit))) < 2**BITS:
            thresholds.append(threshold)
    return thresholds


def normal_cdf(x: Decimal) -> Decimal:
    """Phi(x) for x >= 0, to some 50 digits: 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ...), all terms positive.

    Abramowitz and Stegun, 26.2.11.
    """
    term = total = x
    square, odd = x * x, 1
    while term > total * SMALLEST_TERM:
        odd += 2
        term = term * square / odd
        total += term
    return Decimal("0.5") + total * (-square / 2).exp() / (2 * PI).sqrt()
