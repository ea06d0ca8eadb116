"""`robustify certify --label-set`, as it is typed: printed, saved, checked and replayed."""

import json
from pathlib import Path

from tests.command_line import Command

IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
SHIP = sorted((IMAGES / "ship").iterdir())[0]
SETS = ("--label-set", "cat,ship", "--label-set", '"dog, or wolf",vehicle, plant')


def test_certificate_of_label_sets(command: Command, tmp_path: Path) -> None:
    """Each set has an answer; the document verifies with its image, and a replay finds the same votes in every set. A
    vote that is moved in one set is found there, by name.
    """
    file = tmp_path / "certificate.json"
    asked = ("certify", SHIP, "--profile", "mini", *SETS, "--n", 100, "--n0", 50, "--alpha", 0.02)
    done = command(*asked, "--certificate", file)
    assert done.returncode == 0, done.stderr
    assert "of 2 label sets have a radius" in done.stdout
    document = json.loads(file.read_bytes())
    assert [claim["labels"] for claim in document["sets"]] == [["cat", "ship"], ["dog, or wolf", "vehicle", "plant"]]

    checked = command("verify", file, "--image", SHIP, "--replay", "--json")
    assert (checked.returncode, checked.failed) == (0, [])
    replay = json.loads(checked.stdout)["checks"][-1]
    assert (replay["name"], replay["passed"]) == ("replay", True)
    assert "All votes of both phases are the same" in replay["detail"]


def test_label_sets_that_are_refused(command: Command) -> None:
    """Bad usage, said before a model is loaded."""
    done = command("certify", SHIP, "--profile", "oracle-linear", "--label-set", "a,b", "--label-set", "c,d")
    assert done.returncode == 2
    assert "oracle-linear" in done.stderr
