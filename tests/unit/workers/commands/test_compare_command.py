"""`robustify compare` and `report`, as they are typed."""

import json
from pathlib import Path

import pytest

from tests.command_line import Command, command_line
from tests.comparisons import ORACLE_CONFIG, without_methods, write_comparison

robustify = pytest.fixture(command_line)


def test_dry_run(robustify: Command, tmp_path: Path) -> None:
    """It says what it would cost and what is missing, and writes nothing."""
    output = tmp_path / "output"
    done = robustify("compare", write_comparison(tmp_path), "--output", output, "--dry-run", "--json")
    cost = json.loads(done.stdout)
    people = robustify("compare", tmp_path / "oracle.toml", "--output", output, "--dry-run")

    assert done.returncode == people.returncode == 0
    assert len(cost["cells"]) == 6
    assert cost["forwards"] == sum(cell["forwards"] for cell in cost["cells"]) > 0
    assert "missing: absent: there is no profile no-such-profile here (made by: make absent)" in people.stdout
    assert not output.exists()


@pytest.mark.slow
def test_comparison_with_a_gap(robustify: Command, tmp_path: Path) -> None:
    """It is done, says what it will cost first and where the report is, and ends with 3."""
    output = tmp_path / "output"
    done = robustify("compare", write_comparison(tmp_path), "--output", output, "--json")

    assert done.returncode == 3
    assert "forward passes" in done.stderr
    assert "index.html" in done.stderr
    assert [gap["method"] for gap in json.loads(done.stdout)["gaps"]] == ["absent"]
    assert (output / "index.html").exists()


@pytest.mark.slow
def test_report_again(robustify: Command, tmp_path: Path) -> None:
    """From the rows alone, with its tables in another file; a comparison without gaps ends with 0."""
    output, text = tmp_path / "output", without_methods(ORACLE_CONFIG, "absent")
    first = robustify("compare", write_comparison(tmp_path, text), "--output", output, "--json")
    page = (output / "index.html").read_bytes()
    again = robustify("report", output, "--markdown", tmp_path / "table.md")

    assert (first.returncode, again.returncode) == (0, 0)
    assert (output / "index.html").read_bytes() == page
    assert (tmp_path / "table.md").read_bytes() == (output / "tables.md").read_bytes()
    assert "Robust, certified and clean accuracy" in again.stdout


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name = 1", "oracle.toml: name: "),
        (ORACLE_CONFIG.replace('path = "pictures"', 'path = "elsewhere"'), "oracle.toml: set Pictures: "),
    ],
)
def test_config_that_cannot_be_used(robustify: Command, tmp_path: Path, text: str, wanted: str) -> None:
    """One line that names the file and the key, and exit code 2."""
    done = robustify("compare", write_comparison(tmp_path, text), "--output", tmp_path / "output")

    assert done.returncode == 2
    assert wanted in done.stderr


def test_report_of_another_folder(robustify: Command, tmp_path: Path) -> None:
    """It is refused."""
    done = robustify("report", tmp_path)

    assert done.returncode == 2
    assert "name one that `robustify compare` has written" in done.stderr


@pytest.mark.slow
def test_picture_that_is_damaged(robustify: Command, tmp_path: Path) -> None:
    """It is told, and the exit code is 3; its row says why."""
    config = write_comparison(tmp_path, without_methods(ORACLE_CONFIG, "absent"))
    (tmp_path / "pictures" / "all" / "above" / "0.png").write_bytes(b"no picture")
    done = robustify("compare", config, "--output", tmp_path / "output", "--json")
    figures = json.loads(done.stdout)["certified"]

    assert done.returncode == 3
    assert {(found["images"], found["unreadable"]) for found in figures} == {(5, 1)}
