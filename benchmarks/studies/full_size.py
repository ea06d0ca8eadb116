"""IF-II-L at its full size, with random weights: is our denoiser, as it is and folded, the reference computation?

    python -m benchmarks.studies.full_size [--configs ../shared/reference/if]

Cost: 1.2 billion parameters in float32, 10 GB of memory, a minute or two on 2 cores. Expected: the noise seen in a
batch of two images of 224 x 224 differs from that of the official way of computing by less than 1e-4 of its largest
value; else exit 1. The last line is JSON.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer
from diffusers import DDPMScheduler

from adapters.models.denoisers.diffusion import OneStepDenoiser
from adapters.models.denoisers.folded.denoiser import DenoiserFolder
from adapters.models.denoisers.folded.folding import Folds
from benchmarks.denoise import CONFIGS
from benchmarks.official import OfficialDenoiser
from benchmarks.paths import CPU, SIGMA, Workload, peak_bytes

TOLERANCE = 1e-4


def main(
    configs: Path = CONFIGS,
    side: Annotated[int, typer.Option(help="Of the images; a multiple of 16.")] = 224,
    batch_size: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    if not configs.is_dir():
        raise typer.BadParameter(f"there are no configurations of DeepFloyd IF in {configs}", param_hint="--configs")
    denoiser = Workload(batch_size, side, torch.get_num_threads(), configs).pristine("search")
    x_t = torch.randn(batch_size, 3, side, side, generator=torch.Generator().manual_seed(2))
    figures = {}
    with torch.inference_mode():
        expected, figures["official"] = timed("official", official_way(denoiser), x_t)
        for name, way in (("as it is", way_as_it_is(denoiser)), ("folded", folded_way(denoiser))):
            found, seconds = timed(name, way, x_t)
            error = float((found - expected).abs().max() / expected.abs().max())
            typer.echo(f"{name}: largest difference {error:.2e} of the largest value")
            figures |= {name: seconds, f"{name}, error": error}
    passed = max(value for name, value in figures.items() if name.endswith("error")) < TOLERANCE
    parameters = denoiser.unet.num_parameters()
    about = {
        "study": "full_size",
        "side": side,
        "batch_size": batch_size,
        "parameters": parameters,
        "peak_bytes": peak_bytes(),
    }
    typer.echo(json.dumps({**about, **figures, "passed": passed}))
    if not passed:
        raise typer.Exit(1)


def timed(name: str, way: Callable[[torch.Tensor], torch.Tensor], x_t: torch.Tensor) -> tuple[torch.Tensor, float]:
    started, cpu_started = time.perf_counter(), time.process_time()
    eps = way(x_t)
    seconds = (time.perf_counter() - started) / len(x_t)
    cpu = (time.process_time() - cpu_started) / len(x_t)
    typer.echo(f"{name}: {seconds:.1f} s a sample ({cpu:.1f} s of CPU), peak {peak_bytes() / 2**30:.1f} GiB")
    return eps, seconds


def official_way(denoiser: OneStepDenoiser) -> Callable[[torch.Tensor], torch.Tensor]:
    t = int(denoiser.timestep(SIGMA).t)
    official = OfficialDenoiser(denoiser.unet, DDPMScheduler(), denoiser.prompt_rows, denoiser.k)
    return lambda x_t: official.predict_noise(x_t, torch.full((len(x_t),), t))


def way_as_it_is(denoiser: OneStepDenoiser) -> Callable[[torch.Tensor], torch.Tensor]:
    step = denoiser.timestep(SIGMA)
    return lambda x_t: denoiser.predict_noise(
        x_t, torch.full((len(x_t),), step.t), torch.full((len(x_t),), step.noise_level)
    )


def folded_way(denoiser: OneStepDenoiser) -> Callable[[torch.Tensor], torch.Tensor]:
    return DenoiserFolder(denoiser, CPU, torch.float32, Folds())(denoiser).network_for(SIGMA)


if __name__ == "__main__":
    typer.run(main)
