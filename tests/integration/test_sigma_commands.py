"""`robustify certify --sigma` repeated, as it is typed: printed, saved, checked and replayed."""

import json
from pathlib import Path

from tests.command_line import Command

IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
SHIP = sorted((IMAGES / "ship").iterdir())[0]
LABELS = ("--labels", "cat", "--labels", "ship", "--labels", "dog")


def test_certificate_at_two_sigmas(command: Command, tmp_path: Path) -> None:
    """The largest radius answers, and names its sigma; the document verifies with its image, and a replay finds the
    same votes at each sigma.
    """
    file = tmp_path / "certificate.json"
    asked = ("certify", SHIP, "--profile", "mini", *LABELS, "--sigma", 0.5, "--sigma", 0.25)
    done = command(*asked, "--n", 100, "--n0", 50, "--alpha", 0.02, "--certificate", file)
    assert done.returncode == 0, done.stderr
    assert "at each sigma" in done.stdout
    document = json.loads(file.read_bytes())
    assert [claim["sigma"] for claim in document["at_sigmas"]] == [0.25, 0.5]

    checked = command("verify", file, "--image", SHIP, "--replay", "--json")
    assert (checked.returncode, checked.failed) == (0, [])
    replay = json.loads(checked.stdout)["checks"][-1]
    assert (replay["name"], replay["passed"]) == ("replay", True)
    assert "All votes of both phases are the same" in replay["detail"]


def test_sigmas_that_do_not_go_with_a_target(command: Command) -> None:
    """Bad usage, said before a model is loaded."""
    done = command(
        "certify", SHIP, "--profile", "mini", *LABELS, "--sigma", 0.5, "--sigma", 0.25, "--target-radius", 0.1
    )
    assert done.returncode == 2
    assert "looked at once" in done.stderr
