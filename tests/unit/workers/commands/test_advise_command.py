"""`robustify advise` from the folder to the page, on the linear oracle."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import Command, command_line
from workers.evaluation.attacks.oracle_images import LABELS, OracleImages

robustify = pytest.fixture(command_line)
ORACLE = ("--profile", "oracle-linear")
QUICK = (*ORACLE, "--n", 60, "--n0", 20, "--sigma", 0.12, "--sigma", 0.25)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight pictures in class folders, whose exact radii are .1 to .5, as far as 8 bits keep them."""
    monkeypatch.chdir(tmp_path)
    images = OracleImages(count=8, side=32)
    for index, label in enumerate(images.labels):
        save(images.image(index), tmp_path / "pictures" / LABELS[label] / f"{index}.png")
        save(images.image(index), tmp_path / "flat" / f"{index}.png")
    return tmp_path / "pictures"


def save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image.transpose(1, 2, 0) * 255).round().astype(np.uint8)).save(path)


@pytest.mark.slow
def test_advice_on_class_folders(robustify: Command, pictures: Path, tmp_path: Path) -> None:
    """The document says what to ask for; a second run computes nothing anew, and evaluate has the same rows."""
    first = robustify("advise", pictures, *QUICK, "--json", "--output", tmp_path / "page.html")
    again = robustify("advise", pictures, *QUICK, "--json", "--output", tmp_path / "page.md")
    files = sorted((tmp_path / "evaluations").iterdir())
    evaluated = robustify("evaluate", pictures, *ORACLE, "--limit", 24, "--sigma", 0.25, "--n", 60, "--n0", 20)
    found = json.loads(first.stdout)

    assert (first.returncode, again.returncode, evaluated.returncode) == (0, 0, 0)
    assert found == json.loads(again.stdout)
    assert "at most 2,888 samples" in first.stderr
    assert found["verdict"] == "recommended"
    assert found["plain"]["right"]["count"] == 8
    assert [one["sigma"] for one in found["protected"]] == [0.12, 0.25]
    assert all(radius <= 0.52 for one in found["protected"] for radius in one["radii"])
    assert len(files) == 5
    assert sorted((tmp_path / "evaluations").iterdir()) == files
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert "## What to run" in (tmp_path / "page.md").read_text()


@pytest.mark.slow
def test_advice_on_pictures_without_labels(robustify: Command, pictures: Path, tmp_path: Path) -> None:
    """Answers are compared with those without protection, and nothing is called right."""
    done = robustify("advise", tmp_path / "flat", *QUICK, "--labels", "above", "--labels", "below", "--json")
    found = json.loads(done.stdout)

    assert done.returncode == 0
    assert (found["asked"]["labelled"], found["plain"]["right"]) == (False, None)
    assert found["protected"][0]["right"]["of"] == 8
    assert found["verdict"] == "recommended"


@pytest.mark.slow
def test_advice_when_a_picture_is_damaged(robustify: Command, pictures: Path) -> None:
    """It is named on the page, which people read by default, and the exit code is 3."""
    (pictures / "above" / "0.png").write_bytes(b"no picture")
    done = robustify("advise", pictures, *QUICK)

    assert done.returncode == 3
    assert "0.png could not be used" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("flat", *ORACLE), "the pictures have no labels: name what they may show"),
        (("flat", *ORACLE, "--labels", "above", "--labels", "below", "--prompts", "clip"), "no labels to map"),
        (("pictures", *ORACLE, "--output", "page.pdf"), "PAGE.html or PAGE.md"),
        (("pictures", *ORACLE, "--output", "none/page.md"), "in a folder that exists"),
        (("pictures", *ORACLE, "--labels", "one"), "2 labels"),
        (("pictures", *ORACLE, "--task", "pets", "--labels", "one"), "--task has its labels"),
        (("none", *ORACLE), "dataset must be"),
    ],
)
def test_advice_that_cannot_be_given(
    robustify: Command, pictures: Path, arguments: tuple[object, ...], message: str
) -> None:
    """It is refused in a line, before a model is loaded."""
    done = robustify("advise", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
