import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.datasets import Dataset
from adapters.oracles import exact_margin
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.types import SmoothingParameters, Task
from workers.evaluate import Evaluation, evaluate
from workers.evaluator import row_source


def dataset(images: int) -> Dataset:
    pictures = np.random.default_rng(0).random((images, 3, 32, 32), dtype=np.float32)
    return Dataset(pictures, [0 if exact_margin(picture) > 0 else 1 for picture in pictures], ("above", "below"))


def evaluation(sigma: float = 0.25) -> Evaluation:
    parameters = SmoothingParameters(sigma, n0=50, n=200, alpha=0.001)
    return Evaluation(Settings(profile="oracle-linear"), Task(("above", "below")), "denoised", parameters, "digest")


def test_evaluation_writes_a_row_for_each_image_and_sums_them_up(tmp_path: Path) -> None:
    """Of an oracle, whatever is certified is right, and no radius exceeds the exact one."""
    images = dataset(12)
    summary = evaluate(evaluation(), 12, tmp_path / "rows.jsonl", row_source(evaluation(), images))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]

    assert [row["index"] for row in rows] == list(range(12))
    assert summary["images"] == 12
    assert summary["samples"] == 12 * 250
    assert summary["certified_accuracy"]["0.0"] == 1 - summary["abstained"]
    assert all(row["radius"] is None or row["radius"] <= abs(exact_margin(images.images[row["index"]])) for row in rows)


def test_stopped_evaluation_goes_on_where_it_was(tmp_path: Path) -> None:
    """Rows that are there are not computed again, a line that was cut off is; the figures are those of one run."""
    images, path = dataset(8), tmp_path / "rows.jsonl"
    whole = evaluate(evaluation(), 8, tmp_path / "whole.jsonl", row_source(evaluation(), images))
    evaluate(evaluation(), 3, path, row_source(evaluation(), images))
    path.write_text(path.read_text() + '{"index": 3, "lab')
    asked: list[int] = []

    def counting(indices: list[int]) -> Iterable[dict[str, Any]]:
        asked.extend(indices)
        return row_source(evaluation(), images)(indices)

    resumed = evaluate(evaluation(), 8, path, counting)

    assert asked == [3, 4, 5, 6, 7]
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}


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
