"""The picture of the dashboard, of made-up curves."""

import math
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.studies.panels import Dashboard, drawn, in_bytes, named, with_gaps
from benchmarks.studies.prometheus import Series

DASHBOARD = Path(__file__).parents[3] / "docker" / "observability" / "grafana" / "dashboards" / "robustify.json"
ENGINE = {"kind": "predict", "route": "/predict"}


def curve(query: str) -> list[Series]:
    """None of some, for others one with a gap and one without values."""
    if "lacking" in query:
        return []
    values = [(1000.0 + 5 * step, float(step % 7) + 0.1) for step in range(60) if not 20 < step < 30]
    return [Series(metric=ENGINE, values=values), Series(metric={}, values=[(1000.0, math.nan)])]


@pytest.mark.slow
def test_dashboard_when_it_is_drawn(tmp_path: Path) -> None:
    """Every kind of panel that it has is known, and the picture is small."""
    output = tmp_path / "folder" / "picture.png"
    drawn(Dashboard.model_validate_json(DASHBOARD.read_bytes()), curve, output)
    with Image.open(output) as picture:
        assert picture.width > 1000
    assert output.stat().st_size < 300_000


def test_curve_when_it_has_a_gap() -> None:
    """It is broken there, and nowhere else."""
    _, values = with_gaps(Series(metric={}, values=[(0, 1), (5, 2), (20, 3), (25, 4)]))
    assert [value for value in values if not math.isnan(value)] == [1, 2, 3, 4]
    assert math.isnan(values[2])


def test_name_when_it_has_labels() -> None:
    """They are filled in."""
    assert named("{{kind}} of {{route}}", ENGINE) == "predict of /predict"


def test_bytes_when_they_are_many() -> None:
    """In the unit that leaves a short number."""
    assert [in_bytes(value) for value in (0, 1536, 3 << 20, 5 << 30)] == ["0 B", "1.5 KiB", "3 MiB", "5 GiB"]
