"""A Prometheus that scrapes a service for a while, and what its queries give over that time."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel, TypeAdapter

from workers.commands.demo import free_port

START_SECONDS = 30.0
CONFIG = """global: {{scrape_interval: {seconds}s, evaluation_interval: {seconds}s}}
scrape_configs:
  - job_name: robustify
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Series(BaseModel):
    """One line of an answer: its labels, and (seconds since the epoch, value) in their order."""

    metric: dict[str, str]
    values: Sequence[tuple[float, float]]


SERIES = TypeAdapter(list[Series])


@dataclass(frozen=True)
class Prometheus:
    """A running one."""

    client: httpx.Client

    def over_time(self, query: str, first: float, last: float, step: float) -> list[Series]:
        """What a query gives from one moment to another, each in seconds since the epoch."""
        parameters: dict[str, str | float] = {"query": query, "start": first, "end": last, "step": step}
        answer = self.client.get("/api/v1/query_range", params=parameters)
        if answer.is_error:
            raise ValueError(f"{query}: {answer.text}")
        return SERIES.validate_python(answer.json()["data"]["result"])


@contextmanager
def scraping(port: int, folder: Path, seconds: int) -> Iterator[Prometheus]:
    """Scrapes the service on that port of this machine each `seconds`; `prometheus` must be installed."""
    (folder / "prometheus.yml").write_text(CONFIG.format(seconds=seconds, port=port), encoding="utf-8")
    own = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={own}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process, httpx.Client(base_url=f"http://{own}", timeout=30) as client:
        try:
            wait_until_ready(client)
            yield Prometheus(client)
        finally:
            process.terminate()


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if client.get("/-/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TimeoutError("Prometheus does not start: is it installed, such as Debian's package `prometheus`?")
