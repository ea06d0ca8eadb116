import json
import shutil
from pathlib import Path

import pytest

from tests.command_line import Command

IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
SHIP = sorted((IMAGES / "ship").iterdir())[0]
LABELS = ("--labels", "ship", "--labels", "dog", "--labels", "cat")


def test_predict_and_certify_without_a_server(command: Command) -> None:
    """Both commands answer with the documents of the HTTP contract, and the same secret gives the same votes."""
    first, again = (command("certify", SHIP, *LABELS, "--n", 100, "--n0", 50, "--json") for _ in range(2))
    prediction = json.loads(command("predict", SHIP, *LABELS, "--json").stdout)
    certificate = json.loads(first.stdout)

    assert prediction["label"] == certificate["label"] == "ship"
    assert certificate["outcome"] == "certified"
    assert certificate["radius"] >= certificate["radius_source_pixels"] > 0
    repeated = json.loads(again.stdout)
    assert certificate["certificate"]["votes"] == repeated["certificate"]["votes"]
    assert {**certificate, "seconds": 0, "certificate": 0} == {**repeated, "seconds": 0, "certificate": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", SHIP, "--labels", "ship"), "labels"),
        (("predict", SHIP, *LABELS, "--sigma", "nan"), "sigma"),
        (("predict", SHIP, *LABELS, "--n", "5"), "n:"),
        (("predict", SHIP / "missing.png", *LABELS), "is no file"),
        (("predict", __file__, *LABELS), "not a JPEG"),
        (("certify", SHIP, *LABELS, "--target-radius", "9"), "target_radius"),
        (("certify", SHIP, *LABELS, "--target-radius", "0.2", "--tolerance", "0.1"), "either a target radius or"),
        (("certify", SHIP, *LABELS, "--bound", "best"), "bound"),
        (("predict", SHIP, *LABELS, "--test", "both"), "sequential"),
        (("plan", "--target-radius", "9"), "no number of samples"),
        (("plan",), "target-radius"),
        (("evaluate", IMAGES, "--test", "fixed", "--target-radius", "0.2"), "--test is for predictions"),
        (("evaluate", IMAGES, "--bound", "multiclass", "--tolerance", "0.2"), "leave this one out"),
        (("evaluate", IMAGES, "--no-smoothing", "--test", "fixed"), "takes no samples"),
        (("predict", SHIP, *LABELS, "--seed", "1"), "No such option"),
        (("predict", SHIP, *LABELS, "--profile", "maxi"), "unknown profile"),
        (("evaluate", IMAGES / "ship"), "dataset must be"),
        (("evaluate", IMAGES, "--labels", "one"), "10 labels"),
        (("evaluate", IMAGES, "--no-denoiser", "--no-smoothing"), "exclude"),
        (("evaluate", IMAGES, "--split", "typo"), "dataset must be"),
        (("evaluate", IMAGES, "--server", "http://127.0.0.1:9", "--k", "3"), "leave them out"),
        (("evaluate", IMAGES, "--template", "no slot"), "must have {} exactly once"),
        (("predict", SHIP, *LABELS, "--server", "localhost:8000"), "begin it with http://"),
        (("up", "--workers", "0"), "workers"),
        (("up", "--profile", "nope"), "unknown profile"),
        (("worker",), "ROBUSTIFY_REDIS_URL"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(command: Command, arguments: tuple[object, ...], message: str) -> None:
    """What was wrong is said on standard error; nothing is printed on standard output, no traceback anywhere."""
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_server_that_is_not_there_is_a_failure(command: Command) -> None:
    """Exit code 1 and one line, where the usage was right but the work could not be done."""
    done = command("predict", SHIP, *LABELS, "--server", "http://127.0.0.1:9")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be reached" in done.stderr


def test_certify_with_an_aim_without_a_server(command: Command) -> None:
    """It stops early, and says so."""
    document = json.loads(command("certify", SHIP, *LABELS, "--target-radius", 0.05, "--n0", 50, "--json").stdout)

    assert (document["outcome"], document["bound"], document["radius"]) == ("certified", "anytime", 0.05)
    assert document["samples_used"] < 1000 < document["n"]


def test_plan_without_a_server(command: Command) -> None:
    """The costs of the radius for each p, with seconds where a speed is given; a table for people."""
    options = ("plan", "--target-radius", 0.25, "--sigma", 0.25, "--p", 0.9, "--p", 0.99)
    document = json.loads(command(*options, "--samples-per-second", 100, "--json").stdout)
    table = command(*options).stdout

    assert [cost["p"] for cost in document["costs"]] == [0.9, 0.99]
    assert document["costs"][1]["fixed"]["seconds"] == 101
    assert document["costs"][1]["adaptive"]["seconds"] < 5
    assert "10100" in table
    assert "?" in table


def test_evaluate_prints_one_document_and_resumes(command: Command, tmp_path: Path) -> None:
    """The summary has the promised figures; a second run computes nothing and says the same."""
    options = ("--no-smoothing", "--output", tmp_path / "rows.jsonl", "--json")
    first, again = (json.loads(command("evaluate", IMAGES, *options).stdout) for _ in range(2))

    assert first == again
    assert first["images"] == 50
    assert set(first) >= {"clean_accuracy", "certified_accuracy", "acr", "abstained", "samples", "seconds"}


def test_evaluate_with_a_higher_limit_goes_on(command: Command, tmp_path: Path) -> None:
    """The rows of a lower one stay, and both are of all classes."""
    rows = tmp_path / "rows.jsonl"
    options = ("--no-smoothing", "--output", rows, "--json")
    command("evaluate", IMAGES, "--limit", "10", *options)
    first = rows.read_text()
    summary = json.loads(command("evaluate", IMAGES, "--limit", "20", *options).stdout)

    assert [json.loads(line)["label"] for line in first.splitlines()] == list(range(10))
    assert rows.read_text().startswith(first)
    assert [json.loads(line)["label"] for line in rows.read_text().splitlines()] == 2 * list(range(10))
    assert summary["images"] == 20


def test_evaluate_names_an_image_that_is_broken(command: Command, tmp_path: Path) -> None:
    """With exit code 1; the rows that are there stay as they are."""
    images, rows = tmp_path / "images", tmp_path / "rows.jsonl"
    shutil.copytree(IMAGES, images)
    options = ("--no-smoothing", "--limit", "2", "--output", rows)
    assert command("evaluate", images, *options).returncode == 0
    done_before = rows.read_text()
    broken = sorted((images / "dog").iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:100])
    done = command("evaluate", images, *options)

    assert done.returncode == 1
    assert f"dog/{broken.name} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows.read_text() == done_before


def test_selftest_passes_through_real_workers(command: Command) -> None:
    """Radii of the linear oracle exceed the exact one no more often than alpha allows; coins vary as chance does."""
    done = command("selftest", "--images", 100, "--coins", 400, "--workers", 2, "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert report["settled"] > 50
    assert 0.8 <= report["coin_variance_ratio"] <= 1.25
    assert report["wrong_labels"] == 0
    assert report["killed_workers"] == 0


@pytest.mark.parametrize("bound", ["multiclass", "anytime", "sequential"])
def test_selftest_of_other_claims(command: Command, bound: str) -> None:
    """Also while jobs are canceled and submitted again, at alphas at which wrong statistics would show."""
    options = ("--alpha", 0.05, "--workers", 2, "--cancel-every", 0.2)
    done = command("selftest", "--bound", bound, "--images", 100, *options, "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["bound"], report["passed"]) == (bound, True)
    assert report["canceled_jobs"] > 0


def test_selftest_passes_while_workers_are_killed(command: Command) -> None:
    """Every few seconds one, which it counts."""
    done = command("selftest", "--images", 150, "--workers", 2, "--kill-every", 4)

    assert done.returncode == 0, done.stderr
    figures = {name.strip(): value for name, value in (line.rsplit(maxsplit=1) for line in done.stdout.splitlines())}
    assert figures["passed"] == "True"
    assert int(figures["killed workers"]) > 0
