"""How long an answer takes over HTTP, with the whole stack on this machine and one worker.

    python -m benchmarks.serving [--profile mini] [--predictions 20] [--certify-samples 10000]

Needs nothing but the bundled models. Expected on 2 idle cores, profile mini: predict (100 samples or fewer) p50 at most
1.0 s, certify (n = 10,000) at most 90 s, predict's p95 while a certificate runs at most 3 times its idle p95. The last
line is JSON.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from adapters.settings import Settings
from workers.commands.demo import LABELS, free_port, wait_until_ready
from workers.server_client import Progress, Server
from workers.supervision.stack import running_stack


def random_picture(folder: Path, seed: int) -> Path:
    """A picture that was not asked about before: smooth colours, so that it looks like no noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    path = folder / f"{seed}.png"
    Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC).save(path)
    return path


def timed(ask: Callable[[bytes, Mapping[str, object], Progress], object], image: Path, n: int) -> float:
    started = time.perf_counter()
    ask(image.read_bytes(), {"labels": list(LABELS), "n": n}, lambda done, total: None)
    return time.perf_counter() - started


def predict_times(server: Server, folder: Path, count: int, first_seed: int) -> list[float]:
    return [timed(server.predict, random_picture(folder, first_seed + index), 100) for index in range(count)]


def predict_times_under_load(server: Server, folder: Path, count: int) -> tuple[list[float], float]:
    """Predictions while a certificate runs on the same worker, and the certificate's own seconds."""
    seconds: list[float] = []
    picture = random_picture(folder, 500_000)
    certify = threading.Thread(target=lambda: seconds.append(timed(server.certify, picture, 10_000)))
    certify.start()
    time.sleep(2)
    times: list[float] = []
    while certify.is_alive() and len(times) < count:
        times += predict_times(server, folder, 1, 600_000 + len(times))
    certify.join()
    return times, seconds[0]


def percentile(times: list[float], share: float) -> float:
    return float(np.quantile(times, share))


def main(
    profile: str = "mini",
    predictions: int = 20,
    certify_samples: Annotated[int, typer.Option(help="n of the timed certificate.")] = 10_000,
) -> None:
    with tempfile.TemporaryDirectory(prefix="robustify-bench-") as name:
        folder = Path(name)
        settings = Settings(
            profile=profile,
            state_dir=folder / "state",
            port=free_port(),
            redis_url=None,
            noise_key=None,
            log_level="WARNING",
        )
        with running_stack(settings) as supervisor:
            server = Server(f"http://{settings.host}:{settings.port}")
            wait_until_ready(server, supervisor)
            predict_times(server, folder, 3, 0)
            idle = predict_times(server, folder, predictions, 1000)
            certify = timed(server.certify, random_picture(folder, 100_000), certify_samples)
            loaded, _ = predict_times_under_load(server, folder, predictions)
    figures = {
        "predict_p50_seconds": statistics.median(idle),
        "predict_p95_seconds": percentile(idle, 0.95),
        "predict_p95_while_certifying_seconds": percentile(loaded, 0.95),
        "ratio_p95": percentile(loaded, 0.95) / percentile(idle, 0.95),
        "certify_samples": certify_samples,
        "certify_seconds": certify,
        "samples_per_second": (certify_samples + 100) / certify,
    }
    for figure, value in figures.items():
        typer.echo(f"{figure:40} {value:10.3f}")
    typer.echo(json.dumps({"benchmark": "serving", "profile": profile, **figures}))


if __name__ == "__main__":
    typer.run(main)
