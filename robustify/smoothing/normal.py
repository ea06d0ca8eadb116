"""Standard normal values of random words, made so that every platform and every release has the same bits.

    1. The top bit of the word is the sign of z; k is the number of the other 63.
    2. f = k + 1/2, rounded to float64, so that v = f / 2^63 is uniform in (0, 1].
    3. |z| = Phi^-1(1 - v / 2), so that P(|z| > t) = 2 (1 - Phi(t)): small f are the tails, where float64 is finest.
    4. That function of f is a polynomial of degree 3 in each of 128 pieces of every [2^e, 2^(e+1)), e = -1 .. 62. The
       exponent of f and the first 7 bits after the point are the number of the piece.

All of it is done by operations that IEEE 754 rounds in one way (+, *, a conversion of integers), by integers, and by a
table of coefficients that is part of the repository: no logarithm of some library, and no fused multiply-add, as numpy
does one operation at a time. `device_noise` does the same in torch.

z is within 4e-12 of exact everywhere (`benchmarks/studies/normal_table.py` makes the table and measures that). What
that is to a radius: see `samples`.
"""

import hashlib
from functools import cache
from importlib.resources import files

import numpy as np

TABLE_FILE = "normal_table.bin"
TABLE_SHA256 = "5121f8adef3bb1a465a7562392c8e2fe5a6130bc133857d0b2c06b4b9266a597"
WITHOUT_SIGN = (1 << 63) - 1
PIECE_BITS = 7
DEGREE = 3
MANTISSA_BITS = 52
ROW_SHIFT = MANTISSA_BITS - PIECE_BITS
FIRST_ROW = 1022 << PIECE_BITS
"""Of 1/2, the smallest f, by the bits of float64: its exponent is stored as 1022."""
ROWS = (64 << PIECE_BITS) + 1
"""The last row is that of f = 2^63, which rounding can reach: z = 0."""
CHUNK = 8192
"""Values at a time: what is computed of them stays in the cache of a core."""


def standard_normal(words: np.ndarray) -> np.ndarray:
    """float64 N(0, 1) values, one for each uint64 word."""
    flat = words.reshape(-1).view(np.int64)
    values = np.empty(flat.shape, dtype=np.float64)
    for start in range(0, flat.size, CHUNK):
        values[start : start + CHUNK] = quantiles(flat[start : start + CHUNK])
    return values.reshape(words.shape)


def quantiles(words: np.ndarray) -> np.ndarray:
    """float64 z (N,) of int64 words (N,)."""
    f = (words & WITHOUT_SIGN).astype(np.float64)
    f += 0.5
    rows = (f.view(np.int64) >> ROW_SHIFT) - FIRST_ROW
    coefficients = np.take(coefficient_table(), rows, axis=0)
    z: np.ndarray = coefficients[:, DEGREE] * f
    for power in range(DEGREE - 1, 0, -1):
        z += coefficients[:, power]
        z *= f
    z += coefficients[:, 0]
    np.copysign(z, words.view(np.float64), out=z)
    return z


@cache
def coefficient_table() -> np.ndarray:
    """float64 (ROWS, 4): for each piece the coefficients of 1, f, f^2 and f^3. ValueError if the file is another."""
    data = files("robustify.smoothing").joinpath(TABLE_FILE).read_bytes()
    if hashlib.sha256(data).hexdigest() != TABLE_SHA256:
        raise ValueError(f"{TABLE_FILE} is not the table that this release draws its noise with")
    return np.frombuffer(data, dtype="<f8").astype(np.float64).reshape(ROWS, DEGREE + 1)
