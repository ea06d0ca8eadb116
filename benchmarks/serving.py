"""How long an answer takes over HTTP, with the whole stack on this machine and one worker.

    python -m benchmarks.serving [--profile mini] [--predictions 40] [--certify-samples 10000]

1. The way round: a prediction by a free worker whose models take next to no time (`oracle-linear`, one batch of 11
   samples), from the client's first byte to its last. Goal on 2 idle cores: 15 ms p50, 30 ms p95
   (17.3 and 23.8 were measured).
2. The API alone: answers a second that need no worker, from 4 clients at once: a stored outcome, and a job that is
   read.
3. The profile's own: predict (100 samples or fewer) and certify, and predict beside certify. Goal: p95 of predict
   beside certify at most 1.5 times its idle p95.

Needs nothing but the bundled models. The last line is JSON.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from PIL import Image

from adapters.settings import Settings
from workers.commands.demo import LABELS, READY_SECONDS, free_port, wait_until_ready
from workers.server_client import Progress, Server
from workers.supervision.stack import running_stack

ORACLE = "oracle-linear"
WARM_UP = 5
SAMPLES = 11
"""Of a prediction whose models take no time, which are one batch."""
CLIENTS, REQUESTS = 4, 400


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


def predict_times_under_load(
    server: Server, folder: Path, count: int, certify_samples: int = 10_000
) -> tuple[list[float], float]:
    """Predictions while a certificate runs on the same worker, and the certificate's own seconds."""
    seconds: list[float] = []
    picture = random_picture(folder, 500_000)
    certify = threading.Thread(target=lambda: seconds.append(timed(server.certify, picture, certify_samples)))
    certify.start()
    time.sleep(2)
    times: list[float] = []
    while certify.is_alive() and len(times) < count:
        times += predict_times(server, folder, 1, 600_000 + len(times))
    certify.join()
    return times, seconds[0]


def percentile(times: list[float], share: float) -> float:
    return float(np.quantile(times, share))


def prediction_of(image: bytes) -> dict[str, Any]:
    """What httpx is to send."""
    return {"files": {"image": image}, "data": {"labels": ["left", "right"], "n": SAMPLES}}


def way_round(server: Server, folder: Path, count: int) -> list[float]:
    """Seconds of predictions by models that take no time."""
    times = []
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for index in range(count):
            image = random_picture(folder, 2_000_000 + index).read_bytes()
            started = time.perf_counter()
            answer = client.post("/predict", **prediction_of(image))
            times.append(time.perf_counter() - started)
            answer.raise_for_status()
    return times


def answers_per_second(ask: Callable[[httpx.Client], httpx.Response], url: str) -> float:
    """Of so many clients at once, each of which sends one request after the other."""

    def ask_all(number: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for _ in range(REQUESTS // CLIENTS):
                ask(client).raise_for_status()

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(ask_all, range(CLIENTS)))
    return REQUESTS / (time.perf_counter() - started)


def api_alone(server: Server, folder: Path) -> dict[str, float]:
    """Answers a second that need no worker."""
    image = random_picture(folder, 3_000_000).read_bytes()
    form = prediction_of(image)
    job = httpx.post(f"{server.url}/predict", timeout=60, **form).raise_for_status().json()["id"]
    return {
        "stored_outcomes_per_second": answers_per_second(lambda client: client.post("/predict", **form), server.url),
        "jobs_read_per_second": answers_per_second(lambda client: client.get(f"/jobs/{job}"), server.url),
    }


@contextmanager
def served(profile: str, folder: Path, batch_size: int | None = None, threads: int | None = None) -> Iterator[Server]:
    """A stack with one worker, ready to answer."""
    settings = Settings(
        profile=profile,
        state_dir=folder / profile,
        port=free_port(),
        redis_url=None,
        noise_key=None,
        log_level="WARNING",
        batch_size=batch_size,
        threads=threads,
    )
    with served_by(settings) as server:
        yield server


@contextmanager
def served_by(settings: Settings, ready_seconds: float = READY_SECONDS) -> Iterator[Server]:
    """The same with these settings, whose port is free."""
    with running_stack(settings) as supervisor:
        server = Server(f"http://{settings.host}:{settings.port}")
        wait_until_ready(server, supervisor, seconds=ready_seconds)
        yield server


def of_the_service(folder: Path, count: int) -> dict[str, float]:
    """Parts 1 and 2."""
    # A second thread has nothing to do, and would spin for a while after each batch, on the API's core.
    with served(ORACLE, folder, SAMPLES, threads=1) as server:
        way_round(server, folder, WARM_UP)
        times = way_round(server, folder, WARM_UP + count)[WARM_UP:]
        alone = api_alone(server, folder)
    return {
        "way_round_p50_milliseconds": 1000 * statistics.median(times),
        "way_round_p95_milliseconds": 1000 * percentile(times, 0.95),
        **alone,
    }


def of_the_profile(profile: str, folder: Path, predictions: int, certify_samples: int) -> dict[str, float]:
    """Part 3."""
    with served(profile, folder) as server:
        predict_times(server, folder, WARM_UP, 0)
        idle = predict_times(server, folder, predictions, 1000)
        certify = timed(server.certify, random_picture(folder, 100_000), certify_samples)
        loaded, _ = predict_times_under_load(server, folder, predictions)
    return {
        "predict_p50_seconds": statistics.median(idle),
        "predict_p95_seconds": percentile(idle, 0.95),
        "predict_p95_while_certifying_seconds": percentile(loaded, 0.95),
        "ratio_p95": percentile(loaded, 0.95) / percentile(idle, 0.95),
        "certify_samples": certify_samples,
        "certify_seconds": certify,
        "samples_per_second": (certify_samples + 100) / certify,
    }


def main(
    profile: str = "mini",
    predictions: int = 40,
    certify_samples: Annotated[int, typer.Option(help="n of the timed certificate.")] = 10_000,
    round_trips: Annotated[int, typer.Option(help="Predictions of the first part.")] = 200,
) -> None:
    with tempfile.TemporaryDirectory(prefix="robustify-bench-") as name:
        folder = Path(name)
        figures = of_the_service(folder, round_trips)
        figures |= of_the_profile(profile, folder, predictions, certify_samples)
    for figure, value in figures.items():
        typer.echo(f"{figure:40} {value:10.3f}")
    typer.echo(json.dumps({"benchmark": "serving", "profile": profile, **figures}))


if __name__ == "__main__":
    typer.run(main)
