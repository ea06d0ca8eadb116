"""A data set that a test has in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.evaluation.data.dataset import DataReport, Sample


@dataclass(frozen=True)
class MemoryDataset:
    """`images`: (N, 3, side, side) float32 in [0, 1]; those in `damaged` cannot be read."""

    images: np.ndarray
    labels: Sequence[int]
    class_names: tuple[str, ...]
    digest: str = "digest"
    damaged: frozenset[int] = frozenset()

    @property
    def report(self) -> DataReport:
        return DataReport(len(self), len(self))

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, index: int) -> Sample:
        label, file = self.labels[index], f"images/{index}.png"
        if index in self.damaged:
            return Sample(index, None, label, file, "", "The image is truncated.")
        tensor = self.images[index]
        return Sample(index, tensor, label, file, hashlib.sha256(tensor.tobytes()).hexdigest())
