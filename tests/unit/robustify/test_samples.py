"""Samples: the pinned bits of Gaussian ones, one rounding, and the same sample in every block."""

from fractions import Fraction

import numpy as np
import pytest

from robustify.smoothing.lattice import SeededLatticeNoise, noisy_sample, to_levels
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import BLOCK_VALUES, GaussianSamples, LatticeSamples, SampleSource, blocks

SEED = bytes(range(32))
SHAPE = (3, 64, 64)
"""Of which a block takes two, and the last one of an odd number."""
IMAGE = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
GAUSSIAN = GaussianSamples(IMAGE, 0.12, SeededNoise(SEED))
LATTICE = LatticeSamples(to_levels(IMAGE), SeededLatticeNoise(SEED, 0.12))


def test_gaussian_samples_are_what_they_have_always_been() -> None:
    """To the last bit."""
    image = np.array([0.1, 0.5, 0.9], dtype=np.float32)
    found = GaussianSamples(image, 0.12, SeededNoise(SEED))("estimate", 0, 2)

    assert [[value.hex() for value in row] for row in found.tolist()] == [
        ["0x1.9118fe0000000p-4", "0x1.7c80a80000000p-2", "0x1.0300b00000000p+0"],
        ["0x1.37866c0000000p-3", "0x1.7632f60000000p-2", "0x1.0f16280000000p+0"],
    ]


def test_gaussian_samples_are_rounded_once_to_float32() -> None:
    """Each is the float32 next to x + sigma z, with all digits of sigma, but for what float64 leaves out."""
    noise = SeededNoise(SEED)("select", 3, 1, SHAPE)[0].ravel()
    found = GAUSSIAN("select", 3, 1).ravel()
    for x, z, y in zip(IMAGE.ravel().tolist(), noise.tolist(), found, strict=True):
        exact = Fraction(x) + Fraction(0.12) * Fraction(z)
        half = Fraction(float(np.spacing(np.abs(y)))) / 2
        assert abs(Fraction(float(y)) - exact) <= half + Fraction(1, 2**50)


def test_lattice_samples_are_sums_of_levels() -> None:
    """Exact ones, of the noise of each."""
    noise = SeededLatticeNoise(SEED, 0.12)("select", 3, 2, SHAPE)

    assert np.array_equal(LATTICE("select", 3, 2), noisy_sample(to_levels(IMAGE), noise))


@pytest.mark.parametrize("samples", [GAUSSIAN, LATTICE], ids=["gaussian", "lattice"])
def test_sample_is_the_same_in_every_block(samples: SampleSource) -> None:
    """Alone or with others, it has the same bits; all are float32."""
    together = samples("estimate", 5, 5)

    assert together.shape == (5, *SHAPE)
    assert together.dtype == np.float32
    for row in range(5):
        assert np.array_equal(samples("estimate", 5 + row, 1)[0], together[row])


@pytest.mark.parametrize("values", [1, 3072, BLOCK_VALUES - 1, BLOCK_VALUES, BLOCK_VALUES + 1, 150_528])
@pytest.mark.parametrize("count", [0, 1, 25, 400])
def test_blocks_cover_all_samples(values: int, count: int) -> None:
    """Each once and in order; no block is larger than it may be, but for one sample that is."""
    found = list(blocks(count, values))

    assert [row for start, size in found for row in range(start, start + size)] == list(range(count))
    assert all(size * values <= BLOCK_VALUES or size == 1 for _, size in found)
