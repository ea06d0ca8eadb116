"""Normal values of words: the bits that are promised, the distance to exact ones, the table and its recipe."""

import hashlib
import math

import mpmath
import numpy as np
import pytest
from scipy.special import ndtri

from benchmarks.studies.normal_table import coefficients, exact_quantile, largest_error, piece
from robustify.smoothing import normal
from robustify.smoothing.normal import (
    CHUNK,
    ROWS,
    TABLE_FILE,
    TABLE_SHA256,
    coefficient_table,
    quantiles,
    standard_normal,
)
from robustify.smoothing.statistics import RELATIVE_STEP

ERROR = 4e-12
"""The most by which z may miss the exact quantile: what the docstrings say."""
VECTORS = {
    0x0000000000000000: "0x1.24f82aa55e968p+3",
    0x0000000000000001: "0x1.21263f48fda01p+3",
    0x0000000000000002: "0x1.1f5b374081306p+3",
    0x0000000080000000: "0x1.95a1198fc515ap+2",
    0x0010000000000000: "0x1.be596d6274acdp+1",
    0x0020000000000001: "0x1.a60a6e7a2a01ep+1",
    0x3FFFFFFFFFFFFFFF: "0x1.5956b87522054p-1",
    0x4000000000000000: "0x1.5956b87522054p-1",
    0x7FFFFFFFFFFFFC00: "0x1.4000000000000p-49",
    0x7FFFFFFFFFFFFFFF: "0x0.0p+0",
    0x8000000000000000: "-0x1.24f82aa55e968p+3",
    0x8000000000000001: "-0x1.21263f48fda01p+3",
    0xFFFFFFFFFFFFFFFE: "-0x0.0p+0",
    0xFFFFFFFFFFFFFFFF: "-0x0.0p+0",
    0x0123456789ABCDEF: "0x1.4ee2dc0a9db00p+1",
}
RANDOM = np.random.default_rng(0)


def test_values_of_special_words() -> None:
    """They are what they have always been, to the last bit and the sign of zero."""
    found = standard_normal(np.array(list(VECTORS), dtype=np.uint64))

    assert dict(zip(VECTORS, map(float.hex, found.tolist()), strict=True)) == VECTORS


@pytest.mark.parametrize("row", [*range(0, ROWS - 1, 157), 1, 2, ROWS - 3, ROWS - 2])
def test_values_when_they_are_compared_with_exact_ones(row: int) -> None:
    """In every part of the table, the far tail and next to zero too, they are as near as is said."""
    assert largest_error(row, points=11) < ERROR


def test_values_when_they_are_compared_with_scipy() -> None:
    """A million of uniform words, and as many of the tails, have the quantiles that scipy finds."""
    uniform = RANDOM.integers(0, 2**63, 10**6, dtype=np.int64)
    tails = uniform >> RANDOM.integers(1, 63, uniform.size)
    for numbers in (uniform, tails):
        v = (numbers.astype(np.float64) + 0.5) / 2.0**63
        assert np.abs(quantiles(numbers) + ndtri(v / 2)).max() < ERROR + 1e-14


def test_values_when_the_word_is_mirrored() -> None:
    """With another top bit it has the opposite value, to the last bit: the mean is 0."""
    words = RANDOM.integers(0, 2**64, 10**5, dtype=np.uint64)

    assert np.array_equal(standard_normal(words ^ np.uint64(2**63)), -standard_normal(words))
    assert np.array_equal(standard_normal(words) < 0, words >= np.uint64(2**63))


def test_values_when_words_cross_from_piece_to_piece() -> None:
    """They fall as f grows, across every border of the table, and are nowhere further apart than the error allows."""
    borders = np.array([float(piece(row)[0]) for row in range(1, ROWS)])
    above = quantiles(np.minimum(borders, np.nextafter(2.0**63, 0)).astype(np.int64))
    below = quantiles((np.nextafter(borders, 0) - 1).astype(np.int64))
    is_dense = borders > 2.0**40

    assert (below - above).min() > -2 * ERROR
    assert np.abs(below - above)[is_dense].max() < 2 * ERROR + 1e-12


def test_variance_when_it_is_integrated() -> None:
    """E z^2 over all words misses 1 by so little that the radius pays for it a hundred times over.

    By the rule of Gauss and Legendre in every piece; below 2^-23 of the words, by their largest square.
    """
    nodes, weights = np.polynomial.legendre.leggauss(8)
    first = 40 << 7
    starts, widths = np.array([[float(part) for part in piece(row)] for row in range(first, ROWS - 1)]).T
    points = starts[:, None] + widths[:, None] * (nodes + 1) / 2
    squares = quantiles(points.astype(np.int64).ravel()).reshape(points.shape) ** 2
    exact = np.array([[float(exact_quantile(float(int(point)) + 0.5)) for point in row] for row in points[::500]]) ** 2
    variance = math.fsum((squares @ weights * widths / 2).tolist()) / 2.0**63
    rest = float(exact_tail(starts[0]))

    assert np.abs(squares[::500] - exact).max() < 2 * ERROR * math.sqrt(exact.max())
    assert abs(variance + rest - 1) < 2 * ERROR
    assert 2 * ERROR < RELATIVE_STEP / 100


def exact_tail(f: float) -> mpmath.mpf:
    """E z^2 of a normal z with |z| beyond the quantile of f: 2 (z phi(z) + 1 - Phi(z))."""
    with mpmath.workdps(30):
        z = exact_quantile(f)
        return 2 * (z * mpmath.npdf(z) + mpmath.ncdf(-z))


@pytest.mark.parametrize("shape", [(0,), (1,), (CHUNK,), (CHUNK + 1,), (3, CHUNK - 1), (2, 3, 4, 5)])
def test_values_when_there_are_many_or_few(shape: tuple[int, ...]) -> None:
    """Each is of its own word, wherever it stands."""
    words = RANDOM.integers(0, 2**64, shape, dtype=np.uint64)
    found = standard_normal(words)

    assert found.shape == shape
    assert np.array_equal(found.ravel(), quantiles(words.ravel().view(np.int64)))


@pytest.mark.parametrize("row", [*range(0, ROWS, 97), ROWS - 1])
def test_table_when_its_recipe_is_followed_again(row: int) -> None:
    """It has the same bits."""
    assert coefficients(row) == coefficient_table()[row].tolist()


def test_table_when_it_is_read() -> None:
    """It is the file whose sha256 is said, small, and finite."""
    with open(normal.__file__.replace("normal.py", TABLE_FILE), "rb") as file:
        data = file.read()

    assert hashlib.sha256(data).hexdigest() == TABLE_SHA256
    assert len(data) == ROWS * 4 * 8 < 400_000
    assert np.isfinite(coefficient_table()).all()


def test_table_when_the_file_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """No noise is drawn with it."""
    monkeypatch.setattr(normal, "TABLE_SHA256", "0" * 64)
    coefficient_table.cache_clear()
    with pytest.raises(ValueError, match="is not the table"):
        standard_normal(np.zeros(1, dtype=np.uint64))
    monkeypatch.undo()
    assert standard_normal(np.zeros(1, dtype=np.uint64)) > 9
