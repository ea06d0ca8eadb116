"""Noise of whole levels: exact thresholds, the distribution of draws, and what Gaussian noise gets wrong."""

import math
from itertools import product

import mpmath
import numpy as np
import pytest
from scipy.stats import chisquare

from robustify.smoothing.lattice import (
    SeededLatticeNoise,
    noisy_sample,
    probability_slack,
    search,
    threshold_table,
    to_levels,
    upper_thresholds,
)
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples, LatticeSamples
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound

SHAPE = (3, 32, 32)
SEED, OTHER_SEED = bytes(range(32)), bytes(32)
NOISE = SeededLatticeNoise(SEED, 0.25)


def exact_threshold(k: int, sigma: float) -> mpmath.mpf:
    """2^64 P(Z <= k) in 60 digits."""
    with mpmath.workdps(60):
        return mpmath.mpf(2) ** 64 * mpmath.ncdf((2 * k + 1) / (510 * mpmath.mpf(sigma)))


@pytest.mark.parametrize("sigma", [0.05, 0.12, 0.25, 1.0])
def test_thresholds_when_they_are_compared_with_exact_ones(sigma: float) -> None:
    """Each is 2^64 Phi rounded to the next integer, and the first that is left out rounds to 2^64."""
    thresholds = upper_thresholds(sigma)
    with mpmath.workdps(60):
        for k in {0, 1, 2, len(thresholds) // 2, len(thresholds) - 1}:
            assert abs(thresholds[k] - exact_threshold(k, sigma)) <= mpmath.mpf("0.5")
        assert exact_threshold(len(thresholds), sigma) >= 2**64 - mpmath.mpf("0.5")

    assert thresholds == sorted(thresholds)


def test_thresholds_when_they_are_mirrored() -> None:
    """Level k and level -k are drawn by as many of the 2^64 numbers, to one."""
    edges = [0, *(int(threshold) for threshold in threshold_table(0.25).thresholds), 2**64]
    weights = np.diff(np.array(edges, dtype=object))

    assert len(weights) % 2 == 1
    assert all(weights == weights[::-1])


@pytest.mark.parametrize("sigma", [0.05, 0.25])
def test_slack_when_all_errors_are_added(sigma: float) -> None:
    """It is at least the total variation between drawn and exact noise of one value, in 60 digits, times the number."""
    thresholds = upper_thresholds(sigma)
    with mpmath.workdps(60):
        errors = [threshold - exact_threshold(k, sigma) for k, threshold in enumerate(thresholds)]
        errors.append(2**64 - exact_threshold(len(thresholds), sigma))
        middle, sides = abs(2 * errors[0]), 2 * sum(abs(b - a) for a, b in zip(errors, errors[1:], strict=False))
        beyond = 2 * errors[-1]
        variation = (middle + sides + beyond) / 2 / mpmath.mpf(2) ** 64

    assert 0 < variation <= probability_slack(sigma, 1)
    assert probability_slack(sigma, 1000) == 1000 * probability_slack(sigma, 1)


def test_slack_when_images_are_large() -> None:
    """It is nothing beside a bound of p."""
    assert probability_slack(1.0, 3 * 224 * 224) < 1e-10


def test_table_when_it_answers_by_its_guide() -> None:
    """The level of any number, next to thresholds and cells above all, is that of the search."""
    table = threshold_table(0.25)
    one = np.uint64(1)
    cells = np.arange(1, 2**16, 97, dtype=np.uint64) << np.uint64(48)
    numbers = np.concatenate([table.thresholds, table.thresholds - one, table.thresholds + one, cells, cells - one])
    numbers = np.append(numbers, np.array([0, 2**64 - 1], dtype=np.uint64))

    assert np.array_equal(table.levels(numbers), search(table.thresholds, numbers))
    assert table.levels(np.array([2**63], dtype=np.uint64)) == [0]
    assert table.levels(table.thresholds[-1:]) == [len(table.thresholds) // 2]


def test_noise_when_it_is_counted() -> None:
    """The levels of 1.5 million values are as often drawn as the rounded Gaussian says (chi-square)."""
    values = NOISE("estimate", 0, 500, SHAPE).ravel()
    edges = np.arange(-150.5, 151)
    cdf = np.array([0.0, *(0.5 + 0.5 * math.erf(edge / (255 * 0.25 * math.sqrt(2))) for edge in edges), 1.0])
    counts = np.bincount(np.clip(values + 151, 0, 302), minlength=303)

    assert chisquare(counts, np.diff(cdf) * values.size).pvalue > 1e-4
    assert abs(values.mean()) < 4 * 255 * 0.25 / np.sqrt(values.size)
    assert abs(values.std() / (255 * 0.25) - 1) < 4 / np.sqrt(2 * values.size)


@pytest.mark.parametrize(
    ("phase", "index", "levels"),
    [
        ("predict", 0, [-48, 25, 93]),
        ("select", 0, [-118, -18, -103]),
        ("estimate", 0, [157, 23, -59]),
        ("estimate", 2**32 + 5, [76, -24, 40]),
    ],
)
def test_noise_when_it_is_compared_with_earlier_draws(phase: str, index: int, levels: list[int]) -> None:
    """It is what it has always been."""
    assert NOISE(phase, index, 1, (3,)).tolist() == [levels]


def test_noise_when_it_is_drawn_again() -> None:
    """It depends on nothing but its key, whatever the block."""
    again = SeededLatticeNoise(bytes(range(32)), 0.25)
    block = NOISE("estimate", 0, 5, SHAPE)

    assert block.dtype == np.int16
    for index in (3, 1, 2):
        assert np.array_equal(again("estimate", index, 1, SHAPE)[0], block[index])


def test_noise_when_keys_differ() -> None:
    """Samples, phases and seeds have noise of their own."""
    draws = [
        SeededLatticeNoise(seed, 0.25)(phase, index, 1, SHAPE).tobytes()
        for seed, phase, index in product((SEED, OTHER_SEED), ("predict", "select", "estimate"), range(10))
    ]

    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("sigma", [0.0, 1e-9, -1.0, math.nan, math.inf, 5.0])
def test_noise_when_sigma_is_out_of_range(sigma: float) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="sigma"):
        SeededLatticeNoise(SEED, sigma)("estimate", 0, 1, SHAPE)


def test_image_when_it_is_put_on_the_lattice() -> None:
    """Each value becomes its nearest level; a picture of 8 bits stays as it is."""
    picture = np.arange(256, dtype=np.float32).reshape(1, 16, 16) / 255

    assert np.array_equal(to_levels(picture).ravel(), np.arange(256))
    assert to_levels(np.array([0.5019, -0.001, 1.003])).tolist() == [128, 0, 256]


@pytest.mark.parametrize("value", [math.nan, math.inf, 200.0])
def test_image_when_it_is_none(value: float) -> None:
    """Levels in place of values, NaN and infinity are refused."""
    with pytest.raises(ValueError, match="finite values"):
        to_levels(np.array([0.5, value]))


def test_sample_when_two_images_lead_to_the_same_levels() -> None:
    """It has the same bits: nothing of it tells which image it was."""
    one, other = np.arange(-300, 300, dtype=np.int16), np.arange(0, 600, dtype=np.int16)[::-1]
    noise = np.full(600, 17, dtype=np.int16)
    sample = noisy_sample(one, noise)

    assert np.array_equal(sample, noisy_sample(other, one + noise - other))
    assert sample.dtype == np.float32


def has_the_bits_of_white(sample: np.ndarray) -> bool:
    """A base classifier of one value that looks at nothing but the last bits: those of 1 + noise in float32."""
    value = float(sample[0])
    return (value * 2 ** (24 if value >= 0 else 23)).is_integer()


def test_certificate_when_a_classifier_reads_the_last_bits() -> None:
    """Noise in float32 certifies white beyond black, which has another class; ours, with either noise, does not.

    A counter-example in the manner of Voracek and Hein (ICLR 2023): black is at distance 1.
    """
    sigma, n, black, white = 0.5, 1000, np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)
    gaussian, lattice = SeededNoise(SEED), SeededLatticeNoise(SEED, sigma)
    noise = np.float32(sigma) * gaussian("estimate", 0, n, (1,)).astype(np.float32)

    assert radius_of(black + noise, sigma) is None
    assert (radius_of(white + noise, sigma) or 0.0) > 1.0
    assert (radius_of(GaussianSamples(white, sigma, gaussian)("estimate", 0, n), sigma) or 0.0) < 1.0
    assert (radius_of(LatticeSamples(to_levels(white), lattice)("estimate", 0, n), sigma) or 0.0) < 1.0


def radius_of(samples: np.ndarray, sigma: float) -> float | None:
    """What the votes of that classifier certify."""
    votes = sum(has_the_bits_of_white(sample) for sample in samples)
    return certified_radius(lower_confidence_bound(votes, len(samples), 0.001) - probability_slack(sigma, 1), sigma)
