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
        (("evaluate", IMAGES, "--server", "http://127.0.0.1:9", "--k", "3"), "leave it out"),
        (("evaluate", IMAGES, "--set", "CIFAR11"), "one of ImageNet, STL10"),
        (("evaluate", IMAGES, "--prompts", "clip"), "--prompts chooses among the templates of --set"),
        (("evaluate", IMAGES, "--class-map", IMAGES / "none.json"), "no map of folders to labels"),
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


def test_evaluate_with_a_limit_is_of_all_classes(command: Command, tmp_path: Path) -> None:
    """Its images lie at even distances, each row names its file, and another limit has rows of its own."""
    rows = tmp_path / "rows.jsonl"
    options = ("--no-smoothing", "--output", rows, "--json")
    summary = json.loads(command("evaluate", IMAGES, "--limit", "20", *options).stdout)
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    more = command("evaluate", IMAGES, "--limit", "30", *options)

    assert [row["label"] for row in found] == 2 * list(range(10))
    assert all((IMAGES / row["file"]).is_file() for row in found)
    assert (summary["images"], summary["data"]["images"], summary["data"]["total"]) == (20, 20, 50)
    assert more.returncode == 2
    assert "other settings" in more.stderr


def test_evaluate_goes_on_after_an_image_that_is_broken(command: Command, tmp_path: Path) -> None:
    """Its row says so, all such files are listed at the end, and the exit code is 3."""
    images, rows = tmp_path / "images", tmp_path / "rows.jsonl"
    shutil.copytree(IMAGES, images)
    broken = sorted((images / "dog").iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:100])
    (images / "dog" / "notes.txt").touch()
    options = ("--no-smoothing", "--output", rows)
    done = command("evaluate", images, *options)
    again = command("evaluate", images, *options, "--json")
    summary = json.loads(again.stdout)

    assert (done.returncode, again.returncode) == (3, 3)
    assert f"unreadable: dog/{broken.name}: " in done.stdout
    assert "dog/notes.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(rows.read_text().splitlines()) == 50
    assert summary["images"] == 49
    assert [found["file"] for found in summary["unreadable"]] == [f"dog/{broken.name}"]
    assert summary["data"]["left_out"][0]["names"] == ["dog/notes.txt"]


def test_evaluate_with_numbered_folders_shows_the_labels(command: Command, tmp_path: Path) -> None:
    """Folder 10 has the eleventh label: the map is printed and stands in the report."""
    names = [path.name for path in sorted(IMAGES.iterdir())]
    for number, name in enumerate([*names, names[0]]):
        (tmp_path / "numbered" / str(number)).mkdir(parents=True)
        for file in (IMAGES / name).iterdir():
            shutil.copy(file, tmp_path / "numbered" / str(number))
    labels = [*names, "tractor"]
    options = ("--no-smoothing", "--output", tmp_path / "rows.jsonl", "--json")
    done = command("evaluate", tmp_path / "numbered", *options, *(f"--labels={label}" for label in labels))
    classes = json.loads(done.stdout)["data"]["classes"]

    assert [(found["folder"], found["label"]) for found in classes] == [(str(n), name) for n, name in enumerate(labels)]
    assert "class 10: 'tractor'" in done.stderr.replace('"', "'")


def test_selftest_passes_through_real_workers(command: Command) -> None:
    """Radii of the linear oracle exceed the exact one no more often than alpha allows; coins vary as chance does."""
    done = command("selftest", "--images", 50, "--coins", 400, "--workers", 2, "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert report["settled"] > 25
    assert 0.8 <= report["coin_variance_ratio"] <= 1.25
    assert report["wrong_labels"] == 0
    assert report["killed_workers"] == 0


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("bound", ["multiclass", "anytime", "sequential"])
def test_selftest_of_other_claims(command: Command, bound: str) -> None:
    """Also while jobs are canceled and submitted again, at alphas at which wrong statistics would show."""
    options = ("--alpha", 0.05, "--workers", 2, "--cancel-every", 0.2)
    done = command("selftest", "--bound", bound, "--images", 100, *options, "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["bound"], report["passed"]) == (bound, True)
    assert report["canceled_jobs"] > 0


@pytest.mark.usefixtures("forked_workers")
def test_selftest_passes_while_workers_are_killed(command: Command) -> None:
    """Every few seconds one, which it counts."""
    done = command("selftest", "--images", 80, "--workers", 2, "--kill-every", 3)

    assert done.returncode == 0, done.stderr
    figures = {name.strip(): value for name, value in (line.rsplit(maxsplit=1) for line in done.stdout.splitlines())}
    assert figures["passed"] == "True"
    assert int(figures["killed workers"]) > 0
