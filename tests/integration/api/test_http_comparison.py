"""`robustify compare --server`: a real server answers for denoised smoothing, and this process for everything else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adapters.settings import Settings
from tests.command_line import Command, command_line
from tests.comparisons import ORACLE_CONFIG, without_methods, write_comparison
from workers.evaluation.comparison.document import Comparison, read_comparison

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

TEXT = without_methods(ORACLE_CONFIG, "absent")
NOBODY = "http://127.0.0.1:9"
OTHER = 'profile = "oracle-coin"\nsmoothing = "denoised"'

robustify = pytest.fixture(command_line)


@pytest.fixture
def oracle_api(queue_settings: Settings, start_api: Callable[[Settings], "Api"]) -> "Api":
    """An API of profile oracle-linear; no worker lives."""
    return start_api(queue_settings)


@pytest.fixture
def oracle_worker(oracle_api: "Api", start_loaded_worker: Callable[..., Any], wait_until: Callable[..., None]) -> None:
    start_loaded_worker(oracle_api.settings)
    wait_until(lambda: oracle_api.client.get("/readyz").status_code == 200)


def url_of(api: "Api") -> str:
    return str(api.client.base_url)


def rows_of(found: Comparison, output: Path, method: str) -> list[dict[str, Any]]:
    (cell,) = [cell for cell in found.cells if cell.method == method]
    return [json.loads(line) for line in cell.rows(output).read_text().splitlines()]


@pytest.mark.usefixtures("oracle_worker")
def test_comparison_by_a_server(robustify: Command, oracle_api: "Api", tmp_path: Path) -> None:
    """Certificates of denoised smoothing are the server's, one job for each image; plain answers and attacks are made
    here. The report is whole, and a second run asks for nothing.
    """
    config, output = write_comparison(tmp_path, TEXT), tmp_path / "output"
    asked = ("compare", config, "--output", output, "--server", url_of(oracle_api), "--json")
    done = robustify(*asked)
    found = read_comparison(output)
    assert done.returncode == 0, done.stderr

    assert {cell.method: cell.by_server for cell in found.cells} == {"plain": False, "smoothed": True}
    served = rows_of(found, output, "smoothed")
    assert len(served) == 6
    assert len({row["fingerprint"] for row in served}) == 1
    assert [cell.fingerprint for cell in found.cells if cell.by_server] == [None]
    assert all(row["samples"] == 120 for row in served)
    assert [row.get("fingerprint") for row in rows_of(found, output, "plain")] == [None] * 6
    assert oracle_api.client.get("/ledger").json()["certificates"]["issued"] == 6
    assert json.loads(done.stdout)["gaps"] == []
    assert (output / "index.html").exists()
    assert len(found.attacks) == 4

    again = robustify(*asked)
    assert again.returncode == 0
    assert rows_of(read_comparison(output), output, "smoothed") == served
    assert oracle_api.client.get("/ledger").json()["certificates"]["issued"] == 6


def test_comparison_when_the_server_is_away(robustify: Command, tmp_path: Path) -> None:
    """What it should have answered is a gap with its reason, and the rest is done."""
    output = tmp_path / "output"
    done = robustify("compare", write_comparison(tmp_path, TEXT), "--output", output, "--server", NOBODY, "--json")
    assert done.returncode == 3
    (gap,) = json.loads(done.stdout)["gaps"]
    assert gap["method"] == "smoothed"
    assert "cannot be reached" in gap["why"]
    assert len(rows_of(read_comparison(output), output, "plain")) == 6


def test_comparison_when_the_server_has_other_models(robustify: Command, oracle_api: "Api", tmp_path: Path) -> None:
    """It refuses the profile by name, which is told as a gap: nobody gets rows of other models under this name."""
    output, text = tmp_path / "output", TEXT.replace('profile = "oracle-linear"\nsmoothing = "denoised"', OTHER)
    done = robustify(
        "compare", write_comparison(tmp_path, text), "--output", output, "--server", url_of(oracle_api), "--json"
    )
    assert done.returncode == 3
    (gap,) = json.loads(done.stdout)["gaps"]
    assert gap["method"] == "smoothed"
    assert "profile" in gap["why"]
    assert oracle_api.board.queue_depths()["certify"] == 0
