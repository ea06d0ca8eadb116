"""What a GPU must show, in under ten minutes and without any download.

    python -m benchmarks.gpu [--minutes 8] [--folder FOLDER] [--compile]
    python -m benchmarks.gpu --device cpu --tiny

IF-II-L and CLIP ViT-B/32 with random weights (4 GB of disk, 20 GB of memory), and the bundled models for votes:

1. agreement with the CPU, and whether the device repeats itself;
2. samples a second, ours in every way beside the official one, in the same run. Goals on an H100-class GPU: 196, ten
   times the 19.6 of the authors' logs, and five times the official way;
3. the share of the bfloat16 peak, as the largest product of matrices reaches it;
4. PREDICT and CERTIFY, by the models alone and over HTTP with one worker;
5. a step of each adaptation beside the official loops, and the memory that it takes.

Each part prints its figures when it has them; one that fails, or has no time left, is named with the reason, and the
others go on. Stopped in the middle, it prints what it has. The last line is JSON. `--device cpu --tiny` runs the same
code in a minute, and its figures mean nothing.
"""

import json
import logging
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import typer

from adapters.models.memory import forget_locals, give_back_memory, keep_freed_memory
from adapters.models.process import silence_vendors
from adapters.settings import Settings
from benchmarks.gpu import adaptation, agreement, latency, speed
from benchmarks.gpu.architectures import FULL, TINY, Architecture
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.models import write_profile
from workers.commands.demo import free_port
from workers.stop import orderly_termination

Figures = Mapping[str, float]
Part = Callable[[], Iterable[Figures]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured: samples, and seconds of each measurement."""

    compared: int
    voted: int
    row_seconds: float
    predict: int
    certify: int
    predictions: int
    certify_over_http: int
    rounds: int


FULL_SIZES = Sizes(
    compared=2, voted=500, row_seconds=5, predict=100, certify=10_000, predictions=20, certify_over_http=2000, rounds=2
)
TINY_SIZES = Sizes(
    compared=2, voted=25, row_seconds=0, predict=10, certify=20, predictions=2, certify_over_http=50, rounds=1
)


@dataclass
class Report:
    """What was found so far, and why the rest was not."""

    deadline: float
    figures: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def run(self, name: str, part: Part) -> None:
        """Prints its figures as they come. A part that fails says why, and what it had found stays."""
        if time.monotonic() > self.deadline:
            self.missing[name] = "no time was left"
            return
        started = time.monotonic()
        try:
            for found in part():
                self.note(found)
        except Exception as error:  # The next part may do better: each is worth its own answer.
            self.missing[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            forget_locals(error)
        give_back_memory()  # The next part finds the device as this one found it.
        said = self.missing.get(name, "done")
        typer.echo(f"== {name}: {said} ({time.monotonic() - started:.0f} s)")

    def note(self, found: Figures) -> None:
        self.figures |= found
        for name, value in found.items():
            typer.echo(f"{name:48} {value:.6g}")


def main(
    device: Annotated[str, typer.Option(help="cuda, or cpu for a trial.")] = "cuda",
    tiny: Annotated[bool, typer.Option("--tiny", help="Tiny models and few samples: a trial of the code.")] = False,
    minutes: Annotated[float, typer.Option(help="No part begins later than this.", min=0)] = 8,
    folder: Annotated[Path | None, typer.Option(help="Keeps the models for another run.")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="A row for torch.compile too; some minutes.")] = False,
) -> None:
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise typer.BadParameter("there is no CUDA device here: try --device cpu --tiny", param_hint="--device")
    architecture, sizes = (TINY, TINY_SIZES) if tiny else (FULL, FULL_SIZES)
    report = Report(time.monotonic() + 60 * minutes)
    with orderly_termination(), state_folder(folder) as state, printed_last(report, device, architecture):
        prepare()
        bench = Bench(architecture, settings_of(architecture, state, device), torch.device(device))
        write_profile(architecture, bench.settings)
        for name, part in parts(bench, sizes, state, compiled, report).items():
            report.run(name, part)


def parts(bench: Bench, sizes: Sizes, state: Path, compiled: bool, report: Report) -> dict[str, Part]:
    """In the order of what matters most. Each way is a part: one that the device has no room for costs no other."""
    ways, compared = speed.ways(bench, compiled), agreement.Compared(bench, sizes.compared)
    of_ways = {f"logits, {way.name}": lambda way=way: [compared.of(way)] for way in ways}
    speeds = {f"speed, {way.name}": lambda way=way: [speed.of_way(bench, way, sizes.row_seconds)] for way in ways}
    return {
        "votes": lambda: [agreement.of_votes(bench.device, sizes.voted)],
        "speed, official": lambda: [speed.of_official(bench, sizes.row_seconds)],
        **speeds,
        "peaks": lambda: [speed.peaks(bench)],
        "summary": lambda: [speed.summary(bench, report.figures)],
        **of_ways,
        "latency": lambda: [latency.of_models(bench, sizes.row_seconds, sizes.predict, sizes.certify)],
        "personalization": lambda: adaptation.of_step(bench, "personalization", sizes.rounds),
        "http": lambda: [latency.over_http(bench, state, sizes.predictions, sizes.certify_over_http)],
        "fine_tuning": lambda: adaptation.of_step(bench, "fine_tuning", sizes.rounds),
    }


def prepare() -> None:
    """This process, as a worker's is made ready."""
    logging.getLogger().setLevel(logging.ERROR)  # Libraries warn of weights that are random.
    torch.backends.cudnn.allow_tf32 = False
    keep_freed_memory()
    silence_vendors()


def settings_of(architecture: Architecture, state: Path, device: str) -> Settings:
    return Settings(
        profile=architecture.name,
        state_dir=state,
        port=free_port(),
        redis_url=None,
        noise_key=None,
        log_level="WARNING",
        device=device,
        dtype="bfloat16",
    )


@contextmanager
def state_folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="robustify-gpu-") as name:
        yield Path(name)


@contextmanager
def printed_last(report: Report, device: str, architecture: Architecture) -> Iterator[None]:
    """The document, also where a signal ends it all."""
    on_gpu = device.startswith("cuda")
    about = {
        "benchmark": "gpu",
        "device": torch.cuda.get_device_name() if on_gpu else platform.machine(),
        "cuda": torch.version.cuda if on_gpu else None,
        "torch": str(torch.__version__),
        "architecture": architecture.name,
        "batch_size": architecture.batch_size,
    }
    try:
        yield
    finally:
        typer.echo(json.dumps({**about, **report.figures, "missing": report.missing}))


if __name__ == "__main__":
    typer.run(main)
