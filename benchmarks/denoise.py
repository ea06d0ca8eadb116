"""Denoise and classify, ours against the official code's way of computing, and what each transformation brings.

    python -m benchmarks.denoise [--profile mini|deepfloyd] [--rounds 5] [--table]

Each way runs in a process of its own; they take turns, so that whatever else the machine does falls on all. `mini`
computes with the bundled models at 32 x 32, `deepfloyd` with the architecture of IF-II-L and random weights at 224 x
224, without a classifier; it reads the configurations from ../shared/reference/if and needs 16 GB of memory, with
`--table` 18 GB if it has `--pairs`. Seconds are the clock's; `cpu` columns count processor time, which is what to look
at on a busy machine. On a GPU: `--profile deepfloyd --device cuda --batch-size 50` (docs/deploy.md says what it should
show). Goals on 2 idle cores: ratio 5 for `mini`, 4 for `deepfloyd`. Measured on two with AVX512-BF16 and no AMX: 2.6
for both, with one thread 2.5 to 2.9 and 3.0 (ADR 0013 has the table and says what bounds it). The last line is JSON.
"""

import json
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from diffusers import UNet2DConditionModel
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from adapters.models.denoisers.folded.denoiser import DenoiserFolder
from adapters.models.denoisers.folded.folding import Folds
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from benchmarks.paths import OFFICIAL, OURS, SIGMA, STEPS, TOKENS, Spent, Workload, read_config, running, wait_for

CONFIGS = Path("../shared/reference/if")
PEAK_CHANNELS, PEAK_SIDE, PEAK_BATCH, GPU_PEAK_BATCH = 256, 32, 8, 512


def main(
    profile: str = "mini",
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    batch_size: Annotated[int | None, typer.Option(help="By default the profile's, and 1 for deepfloyd.")] = None,
    threads: int | None = None,
    table: Annotated[bool, typer.Option("--table", help="Every transformation, one after the other.")] = False,
    pairs: Annotated[bool, typer.Option("--pairs", help="Only two ways in memory at a time.")] = False,
    configs: Path = CONFIGS,
    device: Annotated[str, typer.Option(help="cpu, or cuda.")] = "cpu",
) -> None:
    work = replace(
        workload(profile, batch_size, threads or torch.get_num_threads(), configs), device=torch.device(device)
    )
    ways = STEPS if table else (OFFICIAL, OURS)
    found = measure_in_pairs(ways, work, rounds) if pairs else measure(ways, work, rounds)
    torch.set_num_threads(work.threads)
    images = PEAK_BATCH if work.device.type == "cpu" else GPU_PEAK_BATCH
    flops, peak = flops_of(work), convolution_peak(work.device, images)
    seconds = statistics.median(spent.seconds for spent in found[OURS][1:])
    typer.echo(report(found, work.batch_size))
    typer.echo(f"\nUNet {flops / 1e9:.1f} GFLOP a sample; bfloat16 convolutions peak at {peak / 1e9:.0f} GFLOP/s")
    figures = {
        **comparison(found[OFFICIAL], found[OURS]),
        "samples_per_second": work.batch_size / seconds,
        "of_convolution_peak": flops * work.batch_size / seconds / peak,
        "bytes_per_sample": bytes_per_sample(found[OURS], work.batch_size),
        **task_bytes(work),
    }
    about = {
        "profile": profile,
        "device": device,
        "batch_size": work.batch_size,
        "threads": work.threads,
        "rounds": rounds,
    }
    typer.echo(json.dumps({"benchmark": "denoise", **about, **figures}))


def workload(profile: str, batch_size: int | None, threads: int, configs: Path) -> Workload:
    if profile == "mini":
        mini = find_profile("mini")
        return Workload(batch_size or mini.samples_per_batch(Settings()), mini.side, threads)
    if profile != "deepfloyd":
        raise typer.BadParameter("choose mini or deepfloyd", param_hint="--profile")
    if not configs.is_dir():
        raise typer.BadParameter(f"there are no configurations of DeepFloyd IF in {configs}", param_hint="--configs")
    return Workload(batch_size or 1, 224, threads, configs)


def measure(names: Sequence[str], work: Workload, rounds: int) -> dict[str, list[Spent]]:
    """What each way took to get ready, and then in every round; they take turns. A first round does not count."""
    with ExitStack() as stack:
        ways = {name: stack.enter_context(running(name, work)) for name in names}
        found = {name: [ready] for name, (ready, _) in ways.items()}
        for number in range(rounds + 1):
            for name, (_, batch) in ways.items():
                spent = batch()
                if number:
                    found[name].append(spent)
    return found


def measure_in_pairs(names: Sequence[str], work: Workload, rounds: int) -> dict[str, list[Spent]]:
    """The same, each way beside the official one alone; of that, what it took beside the last is kept."""
    found: dict[str, list[Spent]] = {}
    for name in names:
        if name != OFFICIAL:
            found |= measure((OFFICIAL, name), work, rounds)
    return found


def comparison(official: Sequence[Spent], ours: Sequence[Spent]) -> dict[str, Any]:
    """Ratios of the same round: median and quartiles."""
    pairs = list(zip(official[1:], ours[1:], strict=True))
    clock = quartiles([slow.seconds / fast.seconds for slow, fast in pairs])
    cpu = quartiles([slow.cpu_seconds / fast.cpu_seconds for slow, fast in pairs])
    return {
        "ratio": clock[1],
        "ratio_quartiles": [clock[0], clock[2]],
        "cpu_ratio": cpu[1],
        "cpu_ratio_quartiles": [cpu[0], cpu[2]],
    }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def report(found: dict[str, list[Spent]], batch_size: int) -> str:
    """A table: milliseconds a sample, the ratio to the official way, and memory."""
    official = statistics.median(spent.cpu_seconds for spent in found[OFFICIAL][1:])
    lines = ["| | ms a sample | cpu ms | cpu ratio | peak MiB |", "|---|---|---|---|---|"]
    for name, (_, *rounds) in found.items():
        seconds, cpu = (
            statistics.median(getattr(spent, part) for spent in rounds) for part in ("seconds", "cpu_seconds")
        )
        cells = [f"{1e3 * seconds / batch_size:.2f}", f"{1e3 * cpu / batch_size:.2f}", f"{official / cpu:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {max(spent.peak_bytes for spent in rounds) >> 20} |")
    return "\n".join(lines)


def bytes_per_sample(spent: Sequence[Spent], batch_size: int) -> float | None:
    """How much a batch raised the peak over that of one sample; None where it did not."""
    more = max(one.peak_bytes for one in spent) - spent[0].peak_bytes
    return more / (batch_size - 1) if more and batch_size > 1 else None


def task_bytes(work: Workload) -> dict[str, int]:
    """What ours holds for a task that has a prompt of its own, and besides for each sigma that it is asked for."""
    pristine = work.pristine()
    folder = DenoiserFolder(pristine, torch.device("cpu"), torch.bfloat16, Folds())
    task = folder(replace(pristine, prompt_rows=pristine.prompt_rows.clone()))
    prompt = task.held_bytes
    task.network_for(SIGMA)
    return {"bytes_per_prompt": prompt, "bytes_per_sigma": task.held_bytes - prompt}


def flops_of(work: Workload) -> float:
    """Floating point operations of one denoised sample, by the UNet as it is."""
    name = "unet/config.json" if work.configs is None else "IF-II-L-unet-config.json"
    folder = work.configs or Path(str(find_profile("mini").folder)) / "denoiser"
    with torch.device("meta"):
        unet = UNet2DConditionModel(**read_config(folder / name)).eval()
        inputs = torch.empty(1, 6, work.side, work.side), torch.empty(1)
        rows = torch.empty(1, TOKENS, unet.config["encoder_hid_dim"])
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            unet(*inputs, encoder_hidden_states=rows, class_labels=torch.empty(1))
    return float(counter.get_total_flops())


@torch.inference_mode()
def convolution_peak(device: torch.device, images: int) -> float:
    """FLOP/s of the best of some bfloat16 convolutions, of so many images, of a kind that the device is good at."""
    shapes = (images, PEAK_CHANNELS, PEAK_SIDE, PEAK_SIDE), (PEAK_CHANNELS, PEAK_CHANNELS, 3, 3)
    x, weight = (torch.rand(shape).to(device, torch.bfloat16, memory_format=torch.channels_last) for shape in shapes)
    times = []
    for _ in range(10):
        wait_for(device)
        started = time.perf_counter()
        conv2d(x, weight, padding=1)
        wait_for(device)
        times.append(time.perf_counter() - started)
    return 2 * images * PEAK_SIDE**2 * PEAK_CHANNELS**2 * 9 / min(times)


if __name__ == "__main__":
    typer.run(main)
