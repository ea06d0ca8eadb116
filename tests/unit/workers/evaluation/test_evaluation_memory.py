"""An evaluation keeps little of each image: 50,000 of them fit beside the models, whatever their size and classes."""

import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from adapters.settings import Settings
from robustify.types import SmoothingParameters, Task
from workers.evaluation.data.dataset import DataReport, Sample
from workers.evaluation.rows import local_rows
from workers.evaluation.runs import Evaluation, Row, all_rows, summary

CLASSES = 1000
BYTES_OF_IMAGE = 1500
"""That may be kept of one: 50,000 would take 75 MB."""
SIDE = 96
LABELS = tuple(f"label {number}" for number in range(CLASSES))


@dataclass(frozen=True)
class DrawnImages:
    """So many images, each drawn when it is asked for: of 110 KB each."""

    count: int
    class_names: tuple[str, ...] = ("above", "below")
    digest: str = "drawn"

    @property
    def labels(self) -> Sequence[int]:
        return [0] * self.count

    @property
    def report(self) -> DataReport:
        return DataReport(self.count, self.count)

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Sample:
        image = np.random.default_rng(index).random((3, SIDE, SIDE), dtype=np.float32)
        return Sample(index, image, 0, f"images/{index}.png", f"{index:064x}")


def evaluation(labels: tuple[str, ...], n: int) -> Evaluation:
    settings = Settings(profile="oracle-linear", batch_size=25, shard_samples=25)
    return Evaluation(settings, Task(labels), "denoised", SmoothingParameters(0.25, 10, n, 0.05), "drawn")


def rows_with_votes(run: Evaluation, indices: Sequence[int]) -> Iterator[Row]:
    """As a server has them of a thousand classes."""
    for index in indices:
        votes = tuple(int(vote) for vote in np.random.default_rng(index).integers(0, 1000, CLASSES) + 300)
        yield Row(
            index=index, label=0, answer=1, radius=0.5, seconds=1.0, run=run.digest, file=f"images/{index}.png",
            sha256=f"{index:064x}", votes=votes, selection_votes=votes, samples=110, outcome="certified",
            fingerprint="f" * 64,
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("is_resumed", [False, True])
def test_what_is_kept_of_each_row(tmp_path: Path, is_resumed: bool) -> None:
    """Not its votes, nor its text: also when they are read back from the file of an earlier run."""
    run, path, images = evaluation(LABELS, 100), tmp_path / "rows.jsonl", 1500
    if is_resumed:
        all_rows(run, images, path, lambda indices: rows_with_votes(run, indices))
    tracemalloc.start()
    try:
        kept = all_rows(run, images, path, lambda indices: rows_with_votes(run, indices))
        found = summary(run, kept)
        current, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.images == images
    assert current / images < BYTES_OF_IMAGE
    assert peak / images < 4 * BYTES_OF_IMAGE


@pytest.mark.slow
def test_memory_when_there_are_more_images(tmp_path: Path) -> None:
    """CERTIFY of four times as many images takes no more of it: none is kept."""
    run = evaluation(("above", "below"), 40)

    def peak_of(images: int) -> int:
        tracemalloc.start()
        try:
            all_rows(
                run, images, tmp_path / f"{images}.jsonl", lambda indices: local_rows(run, DrawnImages(images), indices)
            )
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_of(2)  # What is loaded once.
    few, many = peak_of(10), peak_of(40)
    assert many - few < 40 * BYTES_OF_IMAGE + 200_000
