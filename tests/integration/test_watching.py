"""What operators see of a whole running service: figures under load, and lines of the log."""

import json
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from adapters.settings import Settings
from tests.pictures import encoded, pixels
from tests.running_instance import running
from workers.commands.demo import free_port

OBSERVABILITY = Path(__file__).parents[2] / "docker" / "observability"
CANARY = "canary"
PREDICTIONS = 24
PLAIN = Image.new("RGB", (40, 40), (10, 200, 30))
METRIC = re.compile(r"\b(?:robustify|process)_[a-z_]+\b")


@dataclass(frozen=True)
class Watched:
    """A service that was asked, what it said when it was scraped meanwhile and after, and its log."""

    scrapes: list[str]
    lines: list[dict[str, Any]]  # Any: what is in a line of the log.
    log: str

    @property
    def last(self) -> dict[tuple[str, ...], float]:
        """By name and values of the labels, sorted."""
        families = text_string_to_metric_families(self.scrapes[-1])
        found = [sample for family in families for sample in family.samples]
        return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in found}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """One for all tests: nothing changes any more."""
    folder = tmp_path_factory.mktemp("watched")
    settings = Settings(profile="oracle-linear", state_dir=folder / "state", port=free_port(), threads=1)
    scrapes: list[str] = []
    with (folder / "log").open("w+") as log, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", log)
        with running(settings) as client:
            ended = threading.Event()
            scraping = threading.Thread(target=scrape_until, args=(ended, str(client.base_url), scrapes))
            scraping.start()
            ask(client)
            ended.set()
            scraping.join()
            scrapes.append(client.get("/metrics").text)
        log.seek(0)
        text = log.read()
    return Watched(scrapes, [json.loads(line) for line in text.splitlines() if line.startswith("{")], text)


def scrape_until(ended: threading.Event, url: str, scrapes: list[str]) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        while not ended.wait(0.02):
            answer = client.get("/metrics")
            answer.raise_for_status()
            scrapes.append(answer.text)


def ask(client: httpx.Client) -> None:
    """Predictions of different pictures, each twice; a certificate; and what is refused."""
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda number: predict(client, number % PREDICTIONS), range(2 * PREDICTIONS)))
    assert {answer.status_code for answer in answers} == {200}
    form = {"labels": [CANARY, "other"], "template": f"{CANARY} {{}}", "n": "2000"}
    certified = client.post("/certify", files={"image": encoded(PLAIN)}, data=form, headers={"Prefer": "wait=30"})
    assert certified.json()["status"] == "succeeded"
    client.get(f"/jobs/{CANARY}", params={CANARY: CANARY})
    client.get(f"/{CANARY}")
    client.get("/models", headers={"Authorization": f"Bearer rk_{CANARY}_{CANARY}"})
    client.post("/predict", files={"image": (CANARY, CANARY.encode())}, data={CANARY: CANARY})


def predict(client: httpx.Client, number: int) -> httpx.Response:
    return client.post(
        "/predict",
        files={"image": (f"{CANARY}.png", encoded(pixels(40, 40, number)))},
        data={"labels": [CANARY, "other"]},
        headers={"X-Request-Id": f"of-client-{number}"},
    )


def test_scrape_under_load(watched: Watched) -> None:
    """Each is valid, and no counter goes back."""
    assert len(watched.scrapes) > 5
    totals = []
    for text in watched.scrapes:
        found = {family.name: family for family in text_string_to_metric_families(text)}
        assert found["robustify_queue_up"].samples[0].value == 1
        totals.append(sum(sample.value for sample in found["robustify_jobs"].samples))
    assert totals == sorted(totals)


def test_counts_when_everything_is_done(watched: Watched) -> None:
    """They are what was asked for: each question once on the board, each request once in the API."""
    last = watched.last
    assert last["robustify_http_requests_total", "/predict", "200", "POST"] == 2 * PREDICTIONS
    assert last["robustify_http_requests_total", "/certify", "200", "POST"] == 1
    assert last["robustify_http_requests_total", "/jobs/{job_id}", "404", "GET"] == 1
    assert last["robustify_http_problems_total", "invalid-key"] == 1
    predictions = [
        last["robustify_jobs_total", *sorted((outcome, "predict"))] for outcome in ("abstained", "predicted")
    ]
    assert sum(predictions) == PREDICTIONS
    assert last["robustify_jobs_total", "certified", "certify"] == 1
    assert last["robustify_samples_total", "certify"] == 2100
    assert last["robustify_job_queue_seconds_count", "predict"] == PREDICTIONS
    assert last["robustify_ledger_outcomes_total", "predict"] == PREDICTIONS
    assert last[("robustify_decode_seconds_count",)] == 2 * PREDICTIONS + 1
    assert last[("robustify_votes_lacking_total",)] == 0


def test_lines_when_requests_are_answered(watched: Watched) -> None:
    """Each has one, with its id, its route, its status and its job."""
    lines = [line for line in watched.lines if line["event"] == "request"]
    predictions = [line for line in lines if line.get("route") == "/predict" and line["status"] == 200]
    assert len(predictions) == 2 * PREDICTIONS
    assert {line["request_id"] for line in predictions} == {f"of-client-{number}" for number in range(PREDICTIONS)}
    assert all(line["seconds"] > 0 and line["bytes_in"] > 0 and line["job"] for line in predictions)
    assert not any(line.get("route") == "/readyz" for line in lines)


def test_canary_when_clients_wrote_it_everywhere(watched: Watched) -> None:
    """No label, template, name of a file, path, query, key or body is in the figures or the log."""
    assert CANARY not in watched.log.lower()
    assert not any(CANARY in text.lower() for text in watched.scrapes)


@pytest.mark.parametrize("name", ["alerts.yml", "grafana/dashboards/robustify.json"])
def test_figures_when_dashboard_and_alerts_name_them(watched: Watched, name: str) -> None:
    """The service exposes each."""
    exposed = {name for name, *_ in watched.last}
    named = set(METRIC.findall((OBSERVABILITY / name).read_text()))
    assert len(named) > 8
    assert named - exposed == set()
