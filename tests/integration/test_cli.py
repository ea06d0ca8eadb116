import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from workers import cli

IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
SHIP = sorted((IMAGES / "ship").iterdir())[0]
LABELS = ("--labels", "ship", "--labels", "dog", "--labels", "cat")


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def robustify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process, as its console script starts it."""
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(cli, "messages", Console(stderr=True, width=200))

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["robustify", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_predict_and_certify_without_a_server(robustify: Run) -> None:
    """Both commands answer with the documents of the HTTP contract, and the same secret gives the same votes."""
    first, again = (robustify("certify", SHIP, *LABELS, "--n", 100, "--n0", 50, "--json") for _ in range(2))
    prediction = json.loads(robustify("predict", SHIP, *LABELS, "--json").stdout)
    certificate = json.loads(first.stdout)

    assert prediction["label"] == certificate["label"] == "ship"
    assert certificate["outcome"] == "certified"
    assert certificate["radius"] >= certificate["radius_source_pixels"] > 0
    assert {**certificate, "seconds": 0} == {**json.loads(again.stdout), "seconds": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", SHIP, "--labels", "ship"), "labels"),
        (("predict", SHIP, *LABELS, "--sigma", "nan"), "sigma"),
        (("predict", SHIP, *LABELS, "--n", "5"), "n:"),
        (("predict", SHIP / "missing.png", *LABELS), "is no file"),
        (("predict", __file__, *LABELS), "not a JPEG"),
        (("certify", SHIP, *LABELS, "--target-radius", "9"), "target_radius"),
        (("predict", SHIP, *LABELS, "--seed", "1"), "No such option"),
        (("predict", SHIP, *LABELS, "--profile", "maxi"), "unknown profile"),
        (("evaluate", IMAGES / "ship"), "dataset must be"),
        (("evaluate", IMAGES, "--labels", "one"), "10 labels"),
        (("evaluate", IMAGES, "--no-denoiser", "--no-smoothing"), "exclude"),
        (("evaluate", IMAGES, "--split", "typo"), "dataset must be"),
        (("evaluate", IMAGES, "--server", "http://127.0.0.1:9", "--k", "3"), "leave them out"),
        (("evaluate", IMAGES, "--template", "no slot"), "template"),
        (("predict", SHIP, *LABELS, "--server", "localhost:8000"), "begin it with http://"),
        (("up", "--workers", "0"), "workers"),
        (("up", "--profile", "nope"), "unknown profile"),
        (("worker",), "ROBUSTIFY_REDIS_URL"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(robustify: Run, arguments: tuple[object, ...], message: str) -> None:
    """What was wrong is said on standard error; nothing is printed on standard output, no traceback anywhere."""
    done = robustify(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_server_that_is_not_there_is_a_failure(robustify: Run) -> None:
    """Exit code 1 and one line, where the usage was right but the work could not be done."""
    done = robustify("predict", SHIP, *LABELS, "--server", "http://127.0.0.1:9")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be reached" in done.stderr


def test_evaluate_prints_one_document_and_resumes(robustify: Run, tmp_path: Path) -> None:
    """The summary has the promised figures; a second run computes nothing and says the same."""
    options = ("--no-smoothing", "--output", tmp_path / "rows.jsonl", "--json")
    first, again = (json.loads(robustify("evaluate", IMAGES, *options).stdout) for _ in range(2))

    assert first == again
    assert first["images"] == 50
    assert set(first) >= {"clean_accuracy", "certified_accuracy", "acr", "abstained", "samples", "seconds"}


def test_selftest_passes_through_real_workers(robustify: Run) -> None:
    """Radii of the linear oracle exceed the exact one no more often than alpha allows, and coins vary as chance does.

    Also while a worker is killed every few seconds.
    """
    done = robustify("selftest", "--images", 100, "--coins", 400, "--workers", 2, "--kill-every", 4, "--json")
    report = json.loads(done.stdout)

    assert done.returncode == 0
    assert report["passed"]
    assert report["certified"] > 50
    assert report["killed_workers"] > 0
    assert 0.8 <= report["coin_variance_ratio"] <= 1.25
    assert report["wrong_labels"] == 0
