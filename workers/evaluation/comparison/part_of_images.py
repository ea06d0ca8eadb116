"""Some images of a data set as a data set: what is attacked, where not all are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from adapters.canonical_json import text_digest
from workers.evaluation.data.dataset import DataReport, Dataset, Sample
from workers.evaluation.data.order import spread


@dataclass(frozen=True)
class PartOfImages:
    """Those at `positions`, in that order; an index is a place in it."""

    images: Dataset
    positions: tuple[int, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.images.class_names

    @cached_property
    def labels(self) -> Sequence[int]:
        return tuple(self.images.labels[position] for position in self.positions)

    @cached_property
    def digest(self) -> str:
        return text_digest(f"{self.images.digest} {self.positions}")

    @property
    def report(self) -> DataReport:
        return replace(self.images.report, images=len(self))

    def __len__(self) -> int:
        return len(self.positions)

    def sample(self, index: int) -> Sample:
        return replace(self.images.sample(self.positions[index]), index=index)


def part_of(images: Dataset, limit: int | None) -> tuple[Dataset, tuple[int, ...] | None]:
    """So many at even distances over all classes, and their positions; all, and None, where that is no fewer."""
    if limit is None or limit >= len(images):
        return images, None
    positions = tuple(sorted(spread(images.labels, limit)))
    return PartOfImages(images, positions), positions
