"""The files for Prometheus and Grafana, as far as they can be checked without either of them running."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "docker" / "observability"
DASHBOARD = OBSERVABILITY / "grafana" / "dashboards" / "robustify.json"
COLUMNS = 24
ALERTS = (
    "ApiDown", "QueueDown", "NoWorker", "OldestWait", "ServerErrors", "VotesLacking", "OtherFunction",
    "ImpossibleVotes", "DiskFull", "QueueMemory",
)  # fmt: skip


def panels() -> list[dict[str, Any]]:  # Any: as Grafana has it.
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def promtool(*arguments: str) -> str:
    """What Prometheus's own checks print."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed: it comes with Debian's package prometheus")
    ended = subprocess.run([program, *arguments], cwd=OBSERVABILITY, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def cells(panel: Mapping[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    rows, columns = range(place["y"], place["y"] + place["h"]), range(place["x"], place["x"] + place["w"])
    return {(row, column) for row in rows for column in columns}


def test_dashboard_when_grafana_lays_it_out() -> None:
    """Every panel has a name, a number and a place of its own within the grid, and says what it shows."""
    found = panels()
    assert len({panel["id"] for panel in found}) == len({panel["title"] for panel in found}) == len(found)
    assert all(panel["description"].endswith(".") for panel in found)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= COLUMNS for panel in found)
    assert not any(cells(one) & cells(other) for one, other in combinations(found, 2))


def test_queries_when_prometheus_reads_them(tmp_path: Path) -> None:
    """Each query of the dashboard is PromQL."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(queries) > 25
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries)]
    document = json.dumps({"groups": [{"name": "queries", "rules": rules}]}).replace("$__rate_interval", "1m")
    (tmp_path / "queries.yml").write_text(document, encoding="utf-8")
    assert f"{len(queries)} rules found" in promtool("check", "rules", str(tmp_path / "queries.yml"))


def test_alerts_when_days_are_quiet_and_bad() -> None:
    """None of them on a quiet day, and each on a bad one."""
    promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


def test_configuration_when_prometheus_reads_it() -> None:
    """It is one, and has the alerts in it."""
    said = promtool("check", "config", "--syntax-only", "prometheus.yml")
    assert "prometheus.yml is valid" in said
    assert "alerts.yml" in (OBSERVABILITY / "prometheus.yml").read_text(encoding="utf-8")


def test_alerts_when_they_are_documented() -> None:
    """Each says what to do in docs/watching.md, and is tried by its own test."""
    rules = (OBSERVABILITY / "alerts.yml").read_text(encoding="utf-8")
    names = [line.split(": ")[1] for line in rules.splitlines() if line.strip().startswith("- alert: ")]
    assert tuple(names) == ALERTS
    document = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    tried = (OBSERVABILITY / "alerts.test.yml").read_text(encoding="utf-8")
    assert all(f"| {name} | " in document for name in ALERTS)
    assert all(f'alertname="{name}"' in tried for name in ALERTS)


def test_picture_when_it_lies_in_the_repository() -> None:
    """It is small."""
    assert (ROOT / "docs" / "pictures" / "dashboard.png").stat().st_size < 300_000
