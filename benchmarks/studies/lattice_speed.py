"""What noise of whole grey levels costs to draw, against Gaussian noise.

    python -m benchmarks.studies.lattice_speed [--sigma 0.25] [--repeats 5]

Cost: seconds. Expected: the same as Gaussian noise, within a factor of two: some 10 ns a value on one core, and up to a
second for the first sample of a sigma, for the table. The last line is JSON.
"""

import json
from collections.abc import Callable
from time import perf_counter
from typing import Annotated

import numpy as np
import typer

from robustify.smoothing.lattice import SeededLatticeNoise, threshold_table, to_levels
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples, LatticeSamples

SEED = b"robustify lattice speed".ljust(32)
CASES = ((100, (3, 32, 32)), (10, (3, 224, 224)))
Draw = Callable[[int], np.ndarray]


def gaussian(shape: tuple[int, ...], sigma: float) -> Draw:
    image, noise = np.full(shape, 0.5, dtype=np.float32), SeededNoise(SEED)
    return lambda index: GaussianSamples(image, sigma, noise)("estimate", index, 1)


def lattice(shape: tuple[int, ...], sigma: float) -> Draw:
    levels, noise = to_levels(np.full(shape, 0.5)), SeededLatticeNoise(SEED, sigma)
    return lambda index: LatticeSamples(levels, noise)("estimate", index, 1)


def seconds(draw: Draw, samples: int, repeats: int) -> float:
    """The least time of so many samples, of some repeats: the one that the machine disturbed least."""
    return min(timed(draw, samples) for _ in range(repeats))


def timed(draw: Draw, samples: int) -> float:
    start = perf_counter()
    for index in range(samples):
        draw(index)
    return perf_counter() - start


def main(sigma: float = 0.25, repeats: Annotated[int, typer.Option(min=1)] = 5) -> None:
    start = perf_counter()
    threshold_table(sigma)
    table = round(perf_counter() - start, 3)
    rows = []
    typer.echo("| samples | Gaussian | lattice | ratio |\n|---|---|---|---|")
    for samples, shape in CASES:
        one, other = (seconds(kind(shape, sigma), samples, repeats) for kind in (gaussian, lattice))
        name = f"{samples} x " + " x ".join(map(str, shape))
        typer.echo(f"| {name} | {one * 1000:.1f} ms | {other * 1000:.1f} ms | {other / one:.2f} |")
        rows.append({"samples": name, "gaussian_seconds": round(one, 4), "lattice_seconds": round(other, 4)})
    typer.echo(json.dumps({"study": "lattice_speed", "sigma": sigma, "table_seconds": table, "rows": rows}))


if __name__ == "__main__":
    typer.run(main)
