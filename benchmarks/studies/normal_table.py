"""The recipe of robustify/smoothing/normal_table.bin, and how far the noise that it gives is from exact.

    python -m benchmarks.studies.normal_table [--points 16] [--write]

Cost: a minute or two. It prints the sha256 of the table and the largest |z - Phi^-1| of some points in every piece, as
`robustify.smoothing.normal` computes z, against 40 digits; goal: 1e-11, and the sha256 that `normal` names. `--write`
replaces the file: then the noise of all certificates is another. The last line is JSON.
"""

import hashlib
import json
from pathlib import Path
from statistics import NormalDist
from typing import Annotated

import mpmath
import numpy as np
import typer

from robustify.smoothing import normal
from robustify.smoothing.normal import DEGREE, PIECE_BITS, ROWS, TABLE_FILE, TABLE_SHA256, quantiles

DIGITS = 40
NODES = DEGREE + 1


def exact_quantile(f: float | mpmath.mpf) -> mpmath.mpf:
    """Phi^-1(1 - v / 2) for v = f / 2^63 in (0, 1), to some 40 digits: two of Halley's steps from float64."""
    with mpmath.workdps(DIGITS):
        v = mpmath.mpf(f) / 2**63
        z = mpmath.mpf(-NormalDist().inv_cdf(float(v / 2)))
        for _ in range(2):
            step = (mpmath.erfc(z / mpmath.sqrt(2)) - v) / (-mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-z * z / 2))
            z -= step / (1 + z * step / 2)
        return z


def piece(row: int) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Where the piece of a row begins, and its width."""
    exponent, part = divmod(row, 1 << PIECE_BITS)
    width = mpmath.mpf(2) ** (exponent - 1 - PIECE_BITS)
    return ((1 << PIECE_BITS) + part) * width, width


def coefficients(row: int) -> list[float]:
    """Of the cubic that meets the quantile at the Chebyshev nodes of the piece, rounded to float64."""
    if row == ROWS - 1:
        return [0.0] * NODES
    with mpmath.workdps(DIGITS):
        start, width = piece(row)
        nodes = [start + width / 2 * (1 + mpmath.cos((2 * i + 1) * mpmath.pi / (2 * NODES))) for i in range(NODES)]
        return [float(value) for value in monomials(nodes, [exact_quantile(node) for node in nodes])]


def monomials(nodes: list[mpmath.mpf], values: list[mpmath.mpf]) -> list[mpmath.mpf]:
    """Newton's interpolation, multiplied out: coefficients of 1, f, f^2, ..."""
    differences = list(values)
    for order in range(1, len(nodes)):
        for i in range(len(nodes) - 1, order - 1, -1):
            differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order])
    found = [mpmath.mpf(0)] * len(nodes)
    for node, difference in zip(reversed(nodes), reversed(differences), strict=True):
        found = [(difference if power == 0 else found[power - 1]) - node * found[power] for power in range(len(found))]
    return found


def words_of(f: float) -> np.ndarray:
    """The word, as int64 (1,), whose f rounds to this positive number; the nearest there is."""
    return np.array([min(int(f), 2**63 - 1)], dtype=np.int64)


def largest_error(row: int, points: int) -> float:
    """Of the z of so many words, spread over a piece."""
    start, width = piece(row)
    found = [words_of(float(start + width * i / points)) for i in range(points)]
    exact = [exact_quantile(float(word[0]) + 0.5) for word in found]
    return max(abs(float(quantiles(word)[0] - z)) for word, z in zip(found, exact, strict=True))


def main(
    points: Annotated[int, typer.Option(min=1, help="In each piece, for the error.")] = 16,
    write: Annotated[bool, typer.Option("--write", help="Replace the table of the package.")] = False,
) -> None:
    table = np.array([coefficients(row) for row in range(ROWS)])
    data = table.astype("<f8").tobytes()
    digest = hashlib.sha256(data).hexdigest()
    if write:
        Path(normal.__file__).with_name(TABLE_FILE).write_bytes(data)
    figures = {"study": "normal_table", "bytes": len(data), "sha256": digest, "is_shipped": digest == TABLE_SHA256}
    if digest == TABLE_SHA256:
        figures["largest_error"] = max(largest_error(row, points) for row in range(ROWS - 1))
    else:
        typer.echo("normal.py names another sha256: put this one there, and run again for the error.")
    typer.echo(json.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
