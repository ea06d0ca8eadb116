"""How much faster two workers finish a certificate than one, each with one thread, over HTTP.

    python -m benchmarks.scaling [--profile mini] [--workers 2] [--samples 3000] [--rounds 3]

Two services run side by side and take turns, so that whatever else the machine does falls on both. Every certificate is
of a picture that was not asked about before. Expected on 2 idle cores with 2 workers: ratio at least 1.9; 1.91 was
measured with 6,000 samples and 2.04 with 10,000, a round each. On two other cores, without AVX-512, it was 1.86 and
1.82. On a GPU host a worker has a GPU of its own, and `--workers` is their number. The last line is JSON.
"""

import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from adapters.settings import Settings
from benchmarks.serving import random_picture, timed
from workers.commands.demo import free_port, wait_until_ready
from workers.server_client import Server
from workers.supervision.stack import running_stack

WARM_UP_SAMPLES = 200


@contextmanager
def running_server(profile: str, dtype: str, workers: int, folder: Path) -> Iterator[Server]:
    """A service of its own with so many workers of one thread, all of which have loaded their models."""
    settings = Settings(
        profile=profile,
        dtype=dtype,
        threads=1,
        state_dir=folder / f"{workers}-workers",
        port=free_port(),
        redis_url=None,
        noise_key=None,
        log_level="WARNING",
    )
    with running_stack(settings, workers) as supervisor:
        server = Server(f"http://{settings.host}:{settings.port}")
        wait_until_ready(server, supervisor, workers)
        timed(server.certify, random_picture(folder, 0), WARM_UP_SAMPLES * workers)
        yield server


def main(
    profile: str = "mini",
    dtype: str = "float32",
    workers: Annotated[int, typer.Option(min=2)] = 2,
    samples: Annotated[int, typer.Option(help="n of each certificate.")] = 3000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    times: dict[int, list[float]] = {1: [], workers: []}
    with tempfile.TemporaryDirectory(prefix="robustify-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        servers = {count: stack.enter_context(running_server(profile, dtype, count, folder)) for count in times}
        for number in range(rounds):
            picture = random_picture(folder, 1 + number)
            for count, server in servers.items():
                times[count].append(timed(server.certify, picture, samples))
    ratios = [one / several for one, several in zip(times[1], times[workers], strict=True)]
    figures = {
        "one_worker_seconds": statistics.median(times[1]),
        "workers_seconds": statistics.median(times[workers]),
        "ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
        "highest_ratio": max(ratios),
    }
    for figure, value in figures.items():
        typer.echo(f"{figure:40} {value:10.3f}")
    about = {"profile": profile, "dtype": dtype, "workers": workers, "samples": samples, "rounds": rounds}
    typer.echo(json.dumps({"benchmark": "scaling", **about, **figures}))


if __name__ == "__main__":
    typer.run(main)
