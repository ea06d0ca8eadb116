"""The dashboard of a service under mixed load, as a picture: each panel's own query, asked of a real Prometheus.

    python -m benchmarks.studies.dashboard [--minutes 6] [--output docs/pictures/dashboard.png]

Needs the program `prometheus` (Debian's package of that name). Starts the whole service with two workers of profile
mini, asks it for predictions and certificates, refuses some and kills a worker. Writes one picture.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import typer

from adapters.settings import Settings
from benchmarks.serving import random_picture
from benchmarks.studies.panels import Dashboard, drawn
from benchmarks.studies.prometheus import Prometheus, Series, scraping
from workers.commands.demo import LABELS, free_port, wait_until_ready
from workers.server_client import Server
from workers.supervision.stack import running_stack

DASHBOARD = Path("docker/observability/grafana/dashboards/robustify.json")
RATE_INTERVAL = "30s"
"""Of the scrapes, four: what Grafana chooses for `$__rate_interval`."""
SCRAPE_SECONDS = 5
POINTS = 180
WORKERS = 2

Ask = Callable[[httpx.Client, Path, int], object]


def picture_body(folder: Path, number: int) -> Mapping[str, tuple[str, bytes]]:
    return {"image": ("picture.png", random_picture(folder, number).read_bytes())}


def predict(client: httpx.Client, folder: Path, number: int) -> None:
    """Most of them new, some asked before."""
    files = picture_body(folder, number if number % 4 else 0)
    client.post("/predict", files=files, data={"labels": list(LABELS), "n": "50"})
    time.sleep(3)


def certify(client: httpx.Client, folder: Path, number: int) -> None:
    fields = {"labels": list(LABELS), "n": "150", "n0": "25"}
    client.post("/certify", files=picture_body(folder, 10_000 + number), data=fields, headers={"Prefer": "wait=60"})
    time.sleep(5)


def certify_in_bursts(client: httpx.Client, folder: Path, number: int) -> None:
    """More at once than may wait."""
    for offset in range(10):
        picture = picture_body(folder, 20_000 + 10 * number + offset)
        client.post("/certify", files=picture, data={"labels": list(LABELS), "n": "100", "n0": "25"})
    time.sleep(120)


def ask_badly(client: httpx.Client, folder: Path, number: int) -> None:
    match number % 4:
        case 0:
            client.post("/predict", files={"image": b"no picture"}, data={"labels": list(LABELS)})
        case 1:
            client.post("/predict", files=picture_body(folder, 0), data={"labels": list(LABELS), "n": "0"})
        case 2:
            client.get("/jobs/nothing")
        case _:
            client.post("/plan", json={"radius": 0.5})
    time.sleep(2.0)


def look_around(client: httpx.Client, folder: Path, number: int) -> None:
    client.get(("/models", "/ledger", "/readyz", "/tasks")[number % 4])
    time.sleep(1.5)


LOAD: tuple[Ask, ...] = (predict, certify, certify_in_bursts, ask_badly, look_around)


def keep_asking(ask: Ask, first: int, url: str, folder: Path, until: float) -> None:
    with httpx.Client(base_url=url, timeout=90) as client:
        for number in range(first, first + 1_000_000):
            if time.monotonic() > until:
                return
            ask(client, folder, number)


def course(prometheus: Prometheus, first: float, last: float, query: str) -> list[Series]:
    return prometheus.over_time(query.replace("$__rate_interval", RATE_INTERVAL), first, last, (last - first) / POINTS)


def main(
    minutes: Annotated[float, typer.Option(help="How long it is asked.")] = 6.0,
    output: Annotated[Path, typer.Option(help="The picture.")] = Path("docs/pictures/dashboard.png"),
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(
            profile="mini",
            state_dir=folder / "state",
            port=free_port(),
            threads=1,
            max_queued_jobs=6,
            log_level="ERROR",
        )
        url = f"http://{settings.host}:{settings.port}"
        with (
            running_stack(settings, WORKERS) as supervisor,
            scraping(settings.port, folder, SCRAPE_SECONDS) as prometheus,
        ):
            wait_until_ready(Server(url), supervisor, WORKERS)
            began, until = time.time(), time.monotonic() + 60 * minutes
            asking = [
                threading.Thread(target=keep_asking, args=(ask, 1 + 1000 * place, url, folder, until), daemon=True)
                for place, ask in enumerate(LOAD)
            ]
            for thread in asking:
                thread.start()
            time.sleep(30 * minutes)
            supervisor.children[0].kill()
            while time.monotonic() < until:
                supervisor.revive()
                time.sleep(1)
            dashboard = Dashboard.model_validate_json(DASHBOARD.read_bytes())
            drawn(dashboard, partial(course, prometheus, began, time.time()), output)
    print(f"{output}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    typer.run(main)
