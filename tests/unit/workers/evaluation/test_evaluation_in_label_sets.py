"""`robustify evaluate` in several label sets: each has its figures, of one run whose rows name them."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.smoothing.cascade import shared_alpha
from robustify.types import SmoothingParameters, Task
from tests.command_line import Command, command_line
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.label_sets import NamedLabelSet, label_sets_in, numbered, task_of_sets
from workers.evaluation.procedure import procedure_of
from workers.evaluation.rows import row_source
from workers.evaluation.runs import Evaluation, Row, evaluate, read_rows
from workers.evaluation.sets_runs import SetsSummary, evaluate_sets

IMAGES = Path(__file__).parents[3] / "data" / "cifar10"
MINI = find_profile("mini")
SETTINGS = Settings(profile="mini", batch_size=25, threads=1)
PARAMETERS = SmoothingParameters(0.25, n0=25, n=50, alpha=0.02)
TEMPLATE = ["This is a photo of a {}"]

robustify = pytest.fixture(command_line)


def sets_of(classes: tuple[str, ...]) -> tuple[NamedLabelSet, ...]:
    """The classes by name, and as what moves by itself and what does not."""
    vehicles = ("airplane", "automobile", "ship", "truck")
    return (
        NamedLabelSet("classes", classes),
        NamedLabelSet("kinds", tuple("vehicle" if name in vehicles else "animal" for name in classes)),
    )


def evaluation(
    label_sets: tuple[NamedLabelSet, ...], task: Task, parameters: SmoothingParameters, digest: str
) -> Evaluation:
    procedure = procedure_of(parameters, "multiclass")
    return Evaluation(SETTINGS, task, "denoised", parameters, digest, procedure=procedure, label_sets=label_sets)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[SetsSummary, list[Row], list[Row]]:
    """A run in two sets with its rows, and the rows of a run in the first set alone, at its share of alpha."""
    folder = tmp_path_factory.mktemp("rows")
    images = read_dataset(IMAGES, None, MINI.side, 4, MINI.preprocessing)
    label_sets = sets_of(images.class_names)
    task = task_of_sets(label_sets, len(images.class_names), TEMPLATE, MINI)
    run = evaluation(label_sets, task, PARAMETERS, images.digest)
    summary = evaluate_sets(run, 4, folder / "sets.jsonl", row_source(run, images))

    share = SmoothingParameters(0.25, 25, 50, shared_alpha(0.02, 2))
    alone = evaluation((), Task.of(images.class_names, TEMPLATE), share, images.digest)
    evaluate(alone, 4, folder / "alone.jsonl", row_source(alone, images))
    return (
        summary,
        list(read_rows(folder / "sets.jsonl", run.digest)),
        list(read_rows(folder / "alone.jsonl", alone.digest)),
    )


@pytest.mark.slow
def test_rows_in_several_label_sets(done: tuple[SetsSummary, list[Row], list[Row]]) -> None:
    """Each names its sets, and says in the first what a run in this set alone says, with the same noise."""
    _, rows, alone = done
    assert [[found.label_set for found in row.sets or ()] for row in rows] == [["classes", "kinds"]] * 4
    for row, own in zip(rows, alone, strict=True):
        assert row.sets is not None
        first = row.sets[0]
        assert (first.label, first.answer, first.radius, first.p_lower) == (
            own.label,
            own.answer,
            own.radius,
            own.p_lower,
        )
        assert (first.selection_votes, first.votes) == (own.selection_votes, own.votes)
        assert (row.answer, row.radius) == (None, None)
        assert row.samples is not None
        assert sum(row.sets[1].votes or ()) == sum(first.votes or ()) == 50


@pytest.mark.slow
def test_figures_in_several_label_sets(done: tuple[SetsSummary, list[Row], list[Row]]) -> None:
    """Those of each set are of its own answers and radii, with its share of alpha."""
    summary, rows, _ = done
    assert (summary.alpha, summary.alpha_each, [*summary.sets]) == (0.02, shared_alpha(0.02, 2), ["classes", "kinds"])
    for place, (name, found) in enumerate(summary.sets.items()):
        right = [row.sets[place].answer == row.sets[place].label for row in rows if row.sets]
        assert found.clean_accuracy == sum(right) / 4, name
        assert found.images == 4
    assert summary.sets["kinds"].distinct_answers <= 2


def test_set_that_is_coarser_than_the_classes() -> None:
    """Classes with the same label are one of its labels, and each is right for all of them."""
    found = NamedLabelSet("kinds", ("animal", "vehicle", "animal"))
    assert found.labels == ("animal", "vehicle")
    assert [found.right(label) for label in range(3)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "names"),
    [('{"a": ["x", "y"], "b": ["u", "v"]}', ["a", "b"]), ('[["x", "y"], ["u", "v"]]', ["1", "2"])],
)
def test_file_of_label_sets(tmp_path: Path, text: str, names: list[str]) -> None:
    """With names or without."""
    path = tmp_path / "sets.json"
    path.write_text(text)
    assert [one.name for one in label_sets_in(path)] == names


@pytest.mark.parametrize(
    "content", [b"[", b"[1, 2]", b'{"a": "x, y"}', b"[" * 100_000, b"\xff\xfe", b" " * (5 << 20), None]
)
def test_file_that_has_no_label_sets(tmp_path: Path, content: bytes | None) -> None:
    """It is named, with what it should have had."""
    path = tmp_path / "sets.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"sets\.json"):
        label_sets_in(path)


@pytest.mark.parametrize(
    ("label_sets", "said"),
    [
        ([["a", "b"], ["c", "d"]], "2 labels for 3 classes"),
        ([["a", "b", "c"]], "1 were given"),
        ([["a", "a", "a"], ["c", "d", "e"]], "1 were given"),
        ([["a", "b", "c"], ["c", "b", "a"]], "same labels"),
    ],
)
def test_label_sets_that_do_not_fit(label_sets: list[list[str]], said: str) -> None:
    """As `/certify` refuses them, and where their labels are not those of so many classes."""
    with pytest.raises(InvalidInputError, match=said):
        task_of_sets(numbered(label_sets), 3, TEMPLATE, MINI)


def test_label_sets_of_a_classifier_without_words() -> None:
    """It is named."""
    with pytest.raises(InvalidInputError, match="oracle-linear"):
        task_of_sets(numbered([["a", "b"], ["c", "d"]]), 2, TEMPLATE, find_profile("oracle-linear"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--no-smoothing",), "leave out --no-smoothing"),
        (("--test", "fixed"), "leave out --no-smoothing and --test"),
        (("--target-radius", 0.1), "looked at once"),
        (("--sigma", 0.25, "--sigma", 0.5), "one --sigma"),
        (("--labels", "a", "--labels", "b"), "leave out --labels"),
        (("--label-sets", "sets.json"), "either --label-set or --label-sets"),
    ],
)
def test_what_does_not_go_with_label_sets(robustify: Command, options: tuple[Any, ...], said: str) -> None:
    """Bad usage, said before a model is loaded."""
    labels = ",".join(f"label {number}" for number in range(10))
    others = ",".join(f"other {number}" for number in range(10))
    done = robustify("evaluate", IMAGES, "--profile", "mini", "--label-set", labels, "--label-set", others, *options)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.slow
def test_evaluation_in_label_sets_as_it_is_typed(
    robustify: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column for each set, and as JSON the figures of each."""
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path / "state"))
    classes = read_dataset(IMAGES, None, MINI.side, 1, MINI.preprocessing).class_names
    (tmp_path / "sets.json").write_text(json.dumps({one.name: one.of_classes for one in sets_of(classes)}))
    asked = (
        "evaluate", IMAGES, "--profile", "mini", "--label-sets", tmp_path / "sets.json", "--limit", 2, "--n", 50,
        "--n0", 25, "--alpha", 0.02, "--output", tmp_path / "rows.jsonl",
    )  # fmt: skip
    people, document = robustify(*asked), json.loads(robustify(*asked, "--json").stdout)
    assert people.returncode == 0, people.stderr
    assert "set kinds" in people.stdout
    assert [*document["sets"]] == ["classes", "kinds"]
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2
