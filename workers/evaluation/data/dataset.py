"""What every data set is to those who use it: images in a fixed order, each read when it is asked for and not kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robustify.errors import RobustifyError


@dataclass(frozen=True)
class Sample:
    """One image. `tensor`: canonical (3, side, side) float32 in [0, 1]; None where the file cannot be used, and then
    `problem` says why.

    `file` is the path relative to the data set, or `SHEET#17` for the 17th tile of a sheet, from 0. `sha256` is of the
    file's bytes, of the tensor for a tile; empty where nothing could be read.
    """

    index: int
    tensor: np.ndarray | None
    label: int
    file: str
    sha256: str
    problem: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """Files or folders that are not among the images, all for one reason. `names`: the first few, in order."""

    reason: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class ClassOfFolder:
    """Which label the images of a folder, or the rows with a value, have."""

    folder: str
    label: str


@dataclass(frozen=True)
class DataReport:
    """What of a data set was taken, and what was not. `images` of `total` are chosen; `notes` are
    sentences for people; `classes` stands where labels are not just the names of the folders.
    """

    images: int
    total: int
    layout: str = ""
    left_out: tuple[LeftOut, ...] = ()
    classes: tuple[ClassOfFolder, ...] = ()
    notes: tuple[str, ...] = ()


class Dataset(Protocol):
    """Labelled images. An index is a position in the fixed order of the chosen ones.

    `labels` index `class_names`. `digest` names the chosen images: their names, sizes in bytes and labels, since to
    read 50,000 files only to name them would take longer than a `--limit` may; the sha256 of each file is in its
    sample. Sheets of which all images are chosen are named by their pixels and labels, so that rows of earlier
    releases resume.
    """

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def labels(self) -> Sequence[int]: ...

    @property
    def digest(self) -> str: ...

    @property
    def report(self) -> DataReport: ...

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample:
        """Reads the one file, and nothing else. Never raises for a file that is damaged: its sample says so."""
        ...


def samples_of(dataset: Dataset) -> Iterator[Sample]:
    """All of them, in order."""
    return (dataset.sample(index) for index in range(len(dataset)))


def stacked(dataset: Dataset) -> np.ndarray:
    """(N, 3, side, side) float32 in [0, 1], for small sets that are looked at as a whole. Raises RobustifyError with
    the name of a file that cannot be used.
    """
    return np.stack([usable(sample) for sample in samples_of(dataset)])


def usable(sample: Sample) -> np.ndarray:
    """Its tensor. Raises RobustifyError where it has none."""
    if sample.tensor is None:
        raise RobustifyError(f"{sample.file} cannot be used: {sample.problem}")
    return sample.tensor
