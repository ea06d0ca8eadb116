"""`robustify concepts`, with the bundled models."""

import json
from pathlib import Path

import pytest

from tests.command_line import Command, command_line

robustify = pytest.fixture(command_line)
CIFAR10 = Path(__file__).parents[3] / "data" / "cifar10"
SHIP = sorted((CIFAR10 / "ship").iterdir())[0]
WORDS = ("--concept", "ship", "--concept", "dog", "--concept", "truck")


@pytest.mark.slow
def test_concepts_before_and_after_an_attack(robustify: Command, tmp_path: Path) -> None:
    """The attack's image is found by its file, and every view tells both; without an attack only the picture."""
    folder, ships = tmp_path / "attacked", tmp_path / "pictures"
    for name in ("ship", "dog"):
        (ships / name).mkdir(parents=True)
        picture = sorted((CIFAR10 / name).iterdir())[0]
        (ships / name / picture.name).write_bytes(picture.read_bytes())
    attack = ("attack", ships, "--no-smoothing", "--all", "--steps", 5, "--eps", 1.0, "--output", folder)
    assert robustify(*attack).returncode == 0
    attacked = robustify("concepts", SHIP, *WORDS, "--attack", folder, "--n", 10, "--top", 2, "--json")
    alone = robustify("concepts", SHIP, *WORDS, "--n", 10)
    found = json.loads(attacked.stdout)

    assert (found["attacked"], found["concepts"]) == ("no-smoothing", 3)
    assert 0 < found["distance"] <= 1.0
    assert [one["view"] for one in found["seen"]] == ["plain", "smoothed", "denoised"]
    assert all(len(one["after"]["top"]) == 2 for one in found["seen"])
    assert found["seen"][0]["before"]["top"][0]["concept"] == "ship"
    assert "denoised" in alone.stdout
    assert "after" not in alone.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SHIP, "--concept", "ship"), "1 concepts were given"),
        ((SHIP, *WORDS, "--concepts", "none.txt"), "no text file"),
        ((SHIP, *WORDS, "--template", "no slot"), "must have {}"),
        (("none.png", *WORDS), "is no file"),
    ],
)
def test_concepts_that_cannot_be_told(robustify: Command, arguments: tuple[object, ...], message: str) -> None:
    """It is refused in a line, before a model is loaded."""
    done = robustify("concepts", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.slow
def test_concepts_when_the_attack_was_on_other_pictures(robustify: Command, tmp_path: Path) -> None:
    """It is refused, with what would do."""
    (tmp_path / "rows.jsonl").touch()
    done = robustify("concepts", SHIP, *WORDS, "--attack", tmp_path)

    assert done.returncode == 2
    assert "no row of this image" in done.stderr
