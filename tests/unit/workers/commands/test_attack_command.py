"""`robustify attack` and `robustify evaluate --attack`, as they are typed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import Command, command_line
from workers.evaluation.attacks.oracle_images import LABELS, OracleImages

QUICK = ("--steps", 2, "--m", 2, "--profile", "oracle-linear")


@pytest.fixture
def robustify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_line(monkeypatch, capsys)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two class folders of two pictures each, and one that is damaged."""
    images = OracleImages(count=4, side=32)
    for index, label in enumerate(images.labels):
        folder = tmp_path / "pictures" / LABELS[label]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (images.image(index).transpose(1, 2, 0) * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "pictures"


@pytest.mark.slow
def test_attack_and_evaluation_beside_it(robustify: Command, pictures: Path, tmp_path: Path) -> None:
    """The folder has rows, images and a report; certificates beside it are at most the robust accuracy."""
    folder = tmp_path / "attacked"
    attacked = robustify("attack", pictures, *QUICK, "--eps", 0.2, "--output", folder, "--json")
    report = json.loads(attacked.stdout)
    beside = robustify(
        "evaluate", pictures, "--profile", "oracle-linear", "--n", 200, "--output", tmp_path / "rows.jsonl",
        "--attack", folder, "--json",
    )  # fmt: skip
    found = json.loads(beside.stdout)["attack"]

    assert attacked.returncode == beside.returncode == 0
    assert "forward passes" in attacked.stderr
    assert json.loads((folder / "report.json").read_text()) == report
    assert report["settings"]["plan"]["eps"] == 0.2
    assert [check["number"] for check in report["checks"]] == [7]
    assert len((folder / "rows.jsonl").read_text().splitlines()) == report["summary"]["images"] == 4
    assert found["alarms"] == []
    assert found["certified_accuracy"] <= found["robust_accuracy"] == report["summary"]["robust_accuracy"]


def test_attack_of_a_damaged_picture(robustify: Command, pictures: Path, tmp_path: Path) -> None:
    """The run is done, says which picture could not be used, and ends with 3."""
    (pictures / "above" / "0.png").write_bytes(b"no picture")
    asked = ("--method", "pgd", "--steps", 2, "--profile", "oracle-linear", "--output", tmp_path / "attacked", "--json")
    done = robustify("attack", pictures, *asked)

    assert done.returncode == 3
    assert json.loads(done.stdout)["summary"]["unusable"] == 1


def test_attack_without_a_data_set(robustify: Command, tmp_path: Path) -> None:
    """Only the oracle is attacked without one."""
    done = robustify("attack", "--profile", "mini", "--output", tmp_path / "attacked")

    assert done.returncode == 2
    assert "name the data set" in done.stderr


@pytest.mark.parametrize("more", [("--test", "fixed"), ("--no-smoothing",), ("--server", "http://localhost:1")])
def test_evaluation_beside_an_attack_without_certificates(
    robustify: Command, pictures: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """It is refused: there would be nothing to compare."""
    done = robustify("evaluate", pictures, "--profile", "oracle-linear", "--attack", tmp_path, *more)

    assert done.returncode == 2
    assert "--attack compares" in done.stderr
