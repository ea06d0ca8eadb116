import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.models.oracles import exact_margin
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.smoothing.lattice import from_levels, to_levels
from robustify.types import Noise, SmoothingParameters, Task
from workers.evaluation.datasets import Dataset
from workers.evaluation.procedure import procedure_of
from workers.evaluation.rows import row_source
from workers.evaluation.runs import Evaluation, Row, evaluate


def dataset(images: int) -> Dataset:
    pictures = np.random.default_rng(0).random((images, 3, 32, 32), dtype=np.float32)
    return Dataset(pictures, [0 if exact_margin(picture) > 0 else 1 for picture in pictures], ("above", "below"))


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
