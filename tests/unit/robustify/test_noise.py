"""Gaussian noise of samples: pinned bits, independence of the batch, and ten million values under every test."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import chisquare, norm

from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.stream import PHASE_CODES

SHAPE = (3, 32, 32)
SEED = bytes(range(32))
VECTORS = {
    ("predict", 0): ["0x1.7ee814ba2cd82p-1", "-0x1.091c093e22e92p+0", "-0x1.74e3078d231e0p-3"],
    ("select", 0): ["0x1.d8ec3e13f152ap+0", "0x1.1bcaa4f7a2c7cp-2", "0x1.9c062fd162740p+0"],
    ("estimate", 0): ["-0x1.1b69b60e72900p-6", "-0x1.11f3f5a841af4p+0", "0x1.dcb621988b8c2p-1"],
    ("estimate", 1): ["0x1.bcb014a9e0b44p-2", "-0x1.1f15d6cebb66ap+0", "0x1.530e0292b209ep+0"],
    ("estimate", 2**32 + 5): ["-0x1.32efe558f822cp-2", "0x1.8199e4bcf9024p-2", "-0x1.75f2c1a0ba362p-1"],
}
"""The first values of samples under `SEED`."""
ROWS, LENGTH = 1000, 10_000


@pytest.mark.parametrize(("phase", "index"), VECTORS)
def test_noise_is_what_it_has_always_been(phase: str, index: int) -> None:
    """To the last bit, on every platform and with every release of every library."""
    assert [value.hex() for value in SeededNoise(SEED)(phase, index, 1, (3,))[0].tolist()] == VECTORS[phase, index]


def test_noise_of_a_sample_depends_on_nothing_but_its_key() -> None:
    """Drawn again, in another order, in a block of another size, by another object: the same bits."""
    first, second = SeededNoise(SEED), SeededNoise(bytes(range(32)))
    block = first("estimate", 0, 25, SHAPE)

    assert block.shape == (25, *SHAPE)
    for index in reversed(range(25)):
        assert np.array_equal(second("estimate", index, 1, SHAPE)[0], block[index])
    assert np.array_equal(second("estimate", 7, 11, SHAPE), block[7:18])


def test_samples_phases_and_seeds_have_noise_of_their_own() -> None:
    """No two of 20,000 samples share a value among their first ones."""
    seeds = [bytes([number]) * 32 for number in range(4)]
    draws = [SeededNoise(seed)(phase, 0, 1000, (2,)).ravel() for seed, phase in product(seeds, PHASE_CODES)]

    assert len(set(np.concatenate(draws).tolist())) == 2 * 20_000


@pytest.fixture(scope="module")
def draws() -> np.ndarray:
    """Ten million values: 1,000 samples of 10,000, of 5 seeds, 2 phases and 100 indices."""
    seeds = [SEED, bytes(32), bytes(31) + b"\1", b"\1" + bytes(31), b"\xff" * 32]
    return np.concatenate(
        [SeededNoise(seed)(phase, 0, 100, (LENGTH,)) for seed, phase in product(seeds, ("select", "estimate"))]
    )


@pytest.mark.slow
def test_moments_of_ten_million_values(draws: np.ndarray) -> None:
    """Mean, variance, skewness and kurtosis are those of N(0, 1), within four standard deviations."""
    values, squares = draws.ravel(), draws.ravel() ** 2
    size = values.size

    assert abs(values.mean()) < 4 / np.sqrt(size)
    assert abs(squares.mean() - 1) < 4 * np.sqrt(2 / size)
    assert abs((squares * values).mean()) < 4 * np.sqrt(15 / size)
    assert abs((squares * squares).mean() - 3) < 4 * np.sqrt(96 / size)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [2, 3, 4, 4.5, 5])
def test_tails_of_ten_million_values(draws: np.ndarray, limit: float) -> None:
    """On either side as many values are beyond a limit as there should be."""
    expected = draws.size * norm.sf(limit)

    for beyond in (draws > limit, draws < -limit):
        assert abs(np.count_nonzero(beyond) - expected) < 4 * np.sqrt(expected) + 1


@pytest.mark.slow
def test_bins_of_ten_million_values(draws: np.ndarray) -> None:
    """1,002 bins are filled as the distribution says (chi-square), wide ones and, next to 0, very narrow ones."""
    for reach in (4.5, 0.05):
        inside, edges = np.histogram(draws, bins=1000, range=(-reach, reach))
        outside = [np.count_nonzero(draws < -reach), np.count_nonzero(draws > reach)]
        probabilities = np.diff(norm.cdf(np.array([-np.inf, *edges, np.inf])))
        counts = np.array([outside[0], *inside, outside[1]])
        assert chisquare(counts, probabilities * draws.size).pvalue > 1e-4


@pytest.mark.slow
def test_samples_of_ten_million_values_are_uncorrelated(draws: np.ndarray) -> None:
    """Between samples of one key and of different keys, phases and indices, correlations look like chance."""
    scores = np.corrcoef(draws)[np.triu_indices(ROWS, 1)] * np.sqrt(LENGTH)

    assert np.abs(scores).max() < 6
    assert abs((scores**2).mean() - 1) < 5 * np.sqrt(2 / scores.size)


@pytest.mark.slow
@pytest.mark.parametrize("lag", [1, 2, 8, 32, 1024])
def test_values_of_a_sample_are_uncorrelated(draws: np.ndarray, lag: int) -> None:
    """Nor do neighbours, or values of the same place in blocks of the cipher, or their squares, tell of one another."""
    one, other = draws[:, :-lag], draws[:, lag:]
    pairs = one.size

    assert abs(np.vdot(one, other)) < 5 * np.sqrt(pairs)
    assert abs(np.vdot(one**2 - 1, other**2 - 1)) < 5 * 2 * np.sqrt(pairs)
