"""What the noisy samples cost to draw on the CPU: our stream against numpy's Philox and ziggurat, and noise of levels.

    python -m benchmarks.noise [--sigma 0.25] [--rounds 21] [--device cuda]

`numpy` is what this service drew its samples with before the stream was its own (docs/decisions/0020): an HMAC and a
Philox generator for each sample, float32. One thread; the ways take turns, so that whatever else the machine does falls
on all. Medians of rounds, in nanoseconds a value, and the ratio to numpy; goal: 1.5 at the most. Measured on an AMD
EPYC: .6 and .8 (ADR 0020 has the table). `--device` adds the time of drawing on a device, and compares its bits. The
last line is JSON.
"""

import hashlib
import hmac
import json
import statistics
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Annotated

import numpy as np
import torch
import typer

from robustify.smoothing.device_noise import device_samples
from robustify.smoothing.lattice import SeededLatticeNoise, threshold_table, to_levels
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples, LatticeSamples

SEED = hashlib.sha256(b"robustify noise").digest()
PHASE = "estimate"
CASES = ((25, (3, 32, 32)), (25, (3, 224, 224)))
NUMPY, OURS, LATTICE = "numpy", "ours", "lattice"
Draw = Callable[[], object]


def numpy_samples(image: np.ndarray, sigma: float, count: int) -> np.ndarray:
    """float32 samples as they were before: the noise of numpy's release, and a sigma in float32."""
    samples = np.zeros((count, *image.shape), dtype=np.float32)
    for index in range(count):
        key = hmac.digest(SEED, f"{PHASE}\0{index}".encode(), hashlib.sha256)[:16]
        generator = np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
        samples[index] = image + np.float32(sigma) * generator.standard_normal(image.shape, dtype=np.float32)
    return samples


def ways(count: int, shape: tuple[int, ...], sigma: float) -> dict[str, Draw]:
    """Each way to draw a batch on the CPU."""
    image = np.full(shape, 0.5, dtype=np.float32)
    ours = GaussianSamples(image, sigma, SeededNoise(SEED))
    lattice = LatticeSamples(to_levels(image), SeededLatticeNoise(SEED, sigma))
    return {
        NUMPY: lambda: numpy_samples(image, sigma, count),
        OURS: lambda: ours(PHASE, 0, count),
        LATTICE: lambda: lattice(PHASE, 0, count),
    }


def measured(draws: Mapping[str, Draw], rounds: int) -> dict[str, float]:
    """The median seconds of each; a first round does not count."""
    found: dict[str, list[float]] = {name: [] for name in draws}
    for _ in range(rounds + 1):
        for name, draw in draws.items():
            started = perf_counter()
            draw()
            found[name].append(perf_counter() - started)
    return {name: statistics.median(seconds[1:]) for name, seconds in found.items()}


def on_device(count: int, shape: tuple[int, ...], sigma: float, rounds: int, device: torch.device) -> dict[str, object]:
    """Nanoseconds a value of drawing on the device, and whether the bits are those of the CPU."""
    samples = GaussianSamples(np.full(shape, 0.5, dtype=np.float32), sigma, SeededNoise(SEED))
    draw = device_samples(samples, device)
    assert draw is not None
    seconds = []
    for _ in range(rounds + 1):
        started = perf_counter()
        found = draw(PHASE, 0, count)
        found[-1].sum().item()
        seconds.append(perf_counter() - started)
    return {
        "device": str(device),
        "device_ns": round(1e9 * statistics.median(seconds[1:]) / found.numel(), 2),
        "device_is_bit_equal": bool(np.array_equal(found.cpu().numpy(), samples(PHASE, 0, count))),
    }


def main(
    sigma: float = 0.25,
    rounds: Annotated[int, typer.Option(min=1)] = 21,
    device: Annotated[str | None, typer.Option(help="cuda, or cpu for torch on the CPU.")] = None,
) -> None:
    torch.set_num_threads(1)
    threshold_table(sigma)
    rows = []
    typer.echo("| samples | numpy | ours | ratio | lattice | ratio |\n|---|---|---|---|---|---|")
    for count, shape in CASES:
        values = count * int(np.prod(shape))
        ns = {name: 1e9 * seconds / values for name, seconds in measured(ways(count, shape, sigma), rounds).items()}
        ratios = {name: ns[name] / ns[NUMPY] for name in (OURS, LATTICE)}
        name = f"{count} x " + " x ".join(map(str, shape))
        cells = f"{ns[OURS]:.1f} ns | {ratios[OURS]:.2f} | {ns[LATTICE]:.1f} ns | {ratios[LATTICE]:.2f}"
        typer.echo(f"| {name} | {ns[NUMPY]:.1f} ns | {cells} |")
        row = {"samples": name, **{f"{way}_ns": round(value, 2) for way, value in ns.items()}}
        row |= {"ratio": round(ratios[OURS], 3), "lattice_ratio": round(ratios[LATTICE], 3)}
        if device is not None:
            row |= on_device(count, shape, sigma, rounds, torch.device(device))
        rows.append(row)
    typer.echo(json.dumps({"benchmark": "noise", "sigma": sigma, "rounds": rounds, "rows": rows}))


if __name__ == "__main__":
    typer.run(main)
