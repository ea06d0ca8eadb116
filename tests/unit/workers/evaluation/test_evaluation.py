import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adapters.models.oracles import exact_margin
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.smoothing.lattice import from_levels, to_levels
from robustify.types import Noise, SmoothingParameters, Task
from tests.memory_dataset import MemoryDataset
from workers.evaluation.procedure import procedure_of
from workers.evaluation.rows import in_their_order, row_source
from workers.evaluation.runs import Evaluation, Row, evaluate


def dataset(images: int, damaged: frozenset[int] = frozenset()) -> MemoryDataset:
    pictures = np.random.default_rng(0).random((images, 3, 32, 32), dtype=np.float32)
    labels = [0 if exact_margin(picture) > 0 else 1 for picture in pictures]
    return MemoryDataset(pictures, labels, ("above", "below"), damaged=damaged)


def evaluation(sigma: float = 0.25, n: int = 200, **method: Any) -> Evaluation:
    parameters = SmoothingParameters(sigma, n0=50, n=n, alpha=0.001)
    settings, procedure = (
        Settings(profile="oracle-linear", batch_size=50, shard_samples=50),
        procedure_of(parameters, **method),
    )
    return Evaluation(settings, Task(("above", "below")), "denoised", parameters, "digest", procedure=procedure)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [{"target_radius": 0.1}, {"tolerance": 0.1}, {"bound": "multiclass"}, {"test": "sequential"}, {"test": "fixed"}],
)
@pytest.mark.parametrize("noise", Noise)
def test_evaluation_by_another_procedure(tmp_path: Path, method: dict[str, Any], noise: Noise) -> None:
    """Rows tell what was used, and the votes are of these samples; no radius exceeds the exact one or the target."""
    images, run = dataset(12), evaluation(n=1000, noise=noise, **method)
    summary = evaluate(run, 12, tmp_path / "rows.jsonl", row_source(run, images))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]

    predicts, stops_early = "test" in method, not {"bound", "test"} & set(method) or method.get("test") == "sequential"
    assert summary.samples == sum(row["samples"] for row in rows)
    assert (summary.samples < 12 * (1000 if predicts else 1050)) is stops_early
    assert all(sum(row["votes"]) + sum(row.get("selection_votes", [])) == row["samples"] for row in rows)
    asked = [images.images[row["index"]] for row in rows]
    pictures = [from_levels(to_levels(picture)) if noise is Noise.LATTICE else picture for picture in asked]
    margins = [abs(exact_margin(picture)) for picture in pictures]
    most = method.get("target_radius", 9.0)
    assert all((row["radius"] or 0.0) <= min(margin, most) for row, margin in zip(rows, margins, strict=True))
    outcomes = {"predicted", "abstained"} if predicts else {"certified", "abstained", "not_certified", "undecided"}
    assert {row["outcome"] for row in rows} <= outcomes
    assert summary.certified_accuracy == {} if predicts else "0.0" in summary.certified_accuracy
    assert all(row["answer"] in (None, row["label"]) for row in rows) or not predicts


def test_evaluation_when_its_procedure_differs() -> None:
    """Each has rows of its own; the paper's has those that it had before there were others."""
    runs = [evaluation(**method) for method in ({}, {"bound": "multiclass"}, {"tolerance": 0.1}, {"test": "fixed"})]

    assert len({run.digest for run in runs}) == 4
    assert evaluation(bound="clopper-pearson").digest == runs[0].digest


def test_evaluation_writes_a_row_for_each_image_and_sums_them_up(tmp_path: Path) -> None:
    """Of an oracle, whatever is certified is right, and no radius exceeds the exact one."""
    images = dataset(12)
    summary = evaluate(evaluation(), 12, tmp_path / "rows.jsonl", row_source(evaluation(), images))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]

    assert [row["index"] for row in rows] == list(range(12))
    assert [row["file"] for row in rows] == [f"images/{index}.png" for index in range(12)]
    assert rows[3]["sha256"] == images.sample(3).sha256
    assert summary.images == 12
    assert summary.samples == 12 * 250
    assert summary.certified_accuracy["0.0"] == 1 - summary.abstained
    assert all(row["radius"] is None or row["radius"] <= abs(exact_margin(images.images[row["index"]])) for row in rows)


def test_stopped_evaluation_goes_on_where_it_was(tmp_path: Path) -> None:
    """Rows that are there are not computed again, a line that was cut off is; the figures are those of one run."""
    images, path = dataset(8), tmp_path / "rows.jsonl"
    whole = evaluate(evaluation(), 8, tmp_path / "whole.jsonl", row_source(evaluation(), images))
    evaluate(evaluation(), 3, path, row_source(evaluation(), images))
    path.write_text(path.read_text() + '{"index": 3, "lab')
    asked: list[int] = []

    def counting(indices: list[int]) -> Iterable[Row]:
        asked.extend(indices)
        return row_source(evaluation(), images)(indices)

    resumed = evaluate(evaluation(), 8, path, counting)

    assert asked == [3, 4, 5, 6, 7]
    assert resumed.model_copy(update={"seconds": 0}) == whole.model_copy(update={"seconds": 0})


def test_image_that_cannot_be_read_has_a_row(tmp_path: Path) -> None:
    """It says why, and is not among the figures; the run goes on, and does not ask again."""
    path, asked = tmp_path / "rows.jsonl", list[int]()
    whole = evaluate(evaluation(), 8, tmp_path / "whole.jsonl", row_source(evaluation(), dataset(8)))
    found = evaluate(evaluation(), 8, path, row_source(evaluation(), dataset(8, frozenset({2, 5}))))
    row = json.loads(path.read_text().splitlines()[2])

    def counting(indices: list[int]) -> Iterable[Row]:
        asked.extend(indices)
        return ()

    again = evaluate(evaluation(), 8, path, counting)

    assert (row["outcome"], row["problem"], row["answer"]) == ("unreadable", "The image is truncated.", None)
    assert (whole.images, found.images) == (8, 6)
    assert [(file.file, file.problem) for file in found.unreadable] == [
        ("images/2.png", "The image is truncated."), ("images/5.png", "The image is truncated.")
    ]  # fmt: skip
    assert again == found
    assert asked == []


def test_row_of_an_earlier_release_is_resumed(tmp_path: Path) -> None:
    """It names no file."""
    images, path = dataset(3), tmp_path / "rows.jsonl"
    whole = evaluate(evaluation(), 3, path, row_source(evaluation(), images))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    old = [{name: value for name, value in row.items() if name not in ("file", "sha256")} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in old))

    assert evaluate(evaluation(), 3, path, lambda indices: ()) == whole


@pytest.mark.slow
def test_run_that_is_killed_ten_times_ends_with_the_same_rows(tmp_path: Path) -> None:
    """Wherever SIGKILL meets it: no row is lost, none comes twice, and each is what it would have been."""
    images, path, whole = dataset(40), tmp_path / "rows.jsonl", tmp_path / "whole.jsonl"
    evaluate(evaluation(), 40, whole, row_source(evaluation(), images))
    for number in range(1, 11):
        kill_after(path, 3 * number, images)
        if number % 3 == 0:  # The kernel may have had half a line.
            with path.open("a", encoding="utf-8") as file:
                file.write('{"index": 39, "lab')
    evaluate(evaluation(), 40, path, row_source(evaluation(), images))

    assert without_seconds(path) == without_seconds(whole)


def kill_after(path: Path, lines: int, images: MemoryDataset) -> None:
    """Forks a run, and kills it when its file has so many lines."""
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)  # Threads of the parent are not there.
        evaluate(evaluation(), 40, path, lambda indices: slowly(row_source(evaluation(), images)(indices)))
        os._exit(0)
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def slowly(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        time.sleep(0.01)


def without_seconds(path: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": 0} for line in path.read_text().splitlines()]


def test_jobs_under_way_are_few_and_rows_in_order() -> None:
    """However many images there are, and whichever is ready first."""
    submitted: list[Future[Row]] = []

    def submit(index: int) -> Future[Row]:
        job: Future[Row] = Future()
        job.set_result(Row(index=index, label=0, answer=0, radius=None, seconds=0.0, run="run"))
        submitted.append(job)
        return job

    for number, row in enumerate(in_their_order(submit, range(100), 8)):
        assert row.index == number
        assert len(submitted) <= number + 8
    assert len(submitted) == 100


@pytest.mark.parametrize("line", ["x", "[1]", '"text"'])
def test_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    """A damaged file is one clear error, and nothing is computed."""
    path = tmp_path / "rows.jsonl"
    path.write_text(line + "\n")

    with pytest.raises(InvalidInputError, match="name another --output"):
        evaluate(evaluation(), 2, path, row_source(evaluation(), dataset(2)))


def test_file_of_another_run_is_not_continued(tmp_path: Path) -> None:
    """Rows made with another sigma are not mixed in."""
    images, path = dataset(2), tmp_path / "rows.jsonl"
    evaluate(evaluation(0.25), 2, path, row_source(evaluation(0.25), images))

    with pytest.raises(InvalidInputError, match="other settings"):
        evaluate(evaluation(0.5), 2, path, row_source(evaluation(0.5), images))
