"""Parquet files with the bytes of images, in the layout of Hugging Face's data sets: a column `image` of structures
with `bytes`, and one of labels, whose names are in the file's own description.

pyarrow is loaded when such a set is asked for. A row group is read when the first of its images is asked for, and the
last one is kept.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Protocol

from robustify.errors import InvalidInputError, UnreadableImageError
from workers.evaluation.data.leavings import BESIDE, Leavings, is_hidden
from workers.evaluation.data.names import Known, in_order, named
from workers.evaluation.data.source import CANNOT_BE_READ, Listing
from workers.evaluation.data.walking import pictures_under

IMAGE_COLUMNS = ("image", "img", "jpg", "png", "webp")
LABEL_COLUMNS = ("label", "labels", "fine_label", "cls", "class", "target")
OF_A_SPLIT = re.compile(r"(.+?)-[0-9]+(-of-[0-9]+.*)?")
DESCRIPTION = b"huggingface"
UNREADABLE = "parquet file that cannot be read"
UNLABELLED = "row without a label"
Label = int | str | None
NO_BYTES = "The row has no image bytes: store the images in the file."


class Scalar(Protocol):
    """A value of pyarrow's."""

    def as_py(self) -> bytes | None: ...


class Scalars(Protocol):
    """An array of pyarrow's."""

    def __getitem__(self, index: int) -> Scalar: ...


@dataclass(frozen=True)
class Group:
    """A row group: its file, its number there, and its first row, counted over all files and in its own."""

    file: str
    number: int
    first: int
    first_in_file: int

    def name(self, row: int) -> str:
        return f"{self.file}#{row - self.first + self.first_in_file}"


@dataclass(frozen=True)
class ParquetSource:
    """Images by their positions: the rows of all groups, in the order of the files."""

    folder: Path
    groups: tuple[Group, ...]
    firsts: tuple[int, ...]
    column: str
    rows: Sequence[int]
    listing: Listing

    def size(self, position: int) -> int:
        """Of its file: a row's own would have to be read."""
        return (self.folder / self.group(self.rows[position]).file).stat().st_size

    def read(self, position: int) -> bytes:
        row = self.rows[position]
        group = self.group(row)
        try:
            images = read_group(self.folder / group.file, group.number, self.column)
            found = images[row - group.first].as_py()
        except (OSError, ValueError, IndexError):
            raise UnreadableImageError(CANNOT_BE_READ) from None
        if not found:
            raise UnreadableImageError(NO_BYTES)
        return found

    def group(self, row: int) -> Group:
        return self.groups[bisect_right(self.firsts, row) - 1]


def parquet_files(root: Path, split: str | None) -> list[Path]:
    """Those of a split are in its folder, or begin with its name, as `test-00000-of-00001.parquet`."""
    files = sorted(path for path in root.rglob("*.parquet") if not any(map(is_hidden, path.relative_to(root).parts)))
    return [path for path in files if split is None or split in (split_of(path, root), path.parent.name)]


def split_of(path: Path, root: Path) -> str:
    """What stands before the file's number; its folder where it is only a number."""
    if found := OF_A_SPLIT.fullmatch(path.stem):
        return found[1]
    return path.stem if not path.stem.isdigit() else path.parent.name if path.parent != root else "all"


def parquet(root: Path, split: str | None, known: Known) -> ParquetSource:
    """Raises InvalidInputError where pyarrow is not there, for splits of which none is named, and without a column."""
    files = parquet_files(root, split)
    splits = {split_of(path, root) for path in files}
    if not files or (split is None and len(splits) > 1):
        there = sorted({split_of(path, root) for path in parquet_files(root, None)})
        raise InvalidInputError(f"the dataset has the splits {', '.join(there)}: choose one with --split", "split")
    return read_files(root, files, known)


def read_files(root: Path, files: Sequence[Path], known: Known) -> ParquetSource:
    """The labels of all rows; of images nothing is read yet."""
    arrow = pyarrow_parquet()
    leavings, groups, labels = Leavings(), list[Group](), list[Label]()
    columns: tuple[str, str] | None = None
    names: tuple[str, ...] = ()
    for path in files:
        name = path.relative_to(root).as_posix()
        try:
            with arrow.ParquetFile(path) as opened:
                schema = opened.schema_arrow
                found = (column_of(schema.names, IMAGE_COLUMNS, name), column_of(schema.names, LABEL_COLUMNS, name))
                columns, names = columns or found, names or described_names(schema.metadata, found[1])
                start = len(labels)
                for number in range(opened.num_row_groups):
                    groups.append(Group(name, number, len(labels), len(labels) - start))
                    labels += opened.read_row_group(number, columns=[columns[1]])[columns[1]].to_pylist()
        except (OSError, ValueError, KeyError):
            leavings.add(UNREADABLE, name)
    if columns is None:
        raise InvalidInputError("the dataset has no parquet file that can be read: restore them", field="dataset")
    firsts = tuple(group.first for group in groups)
    for file in pictures_under(root, "", Leavings()):
        leavings.add(BESIDE, file)
    rows = labelled_rows(labels, names, leavings)
    listing = listing_of(root, rows, labels, names, groups, firsts, known, leavings)
    return ParquetSource(root, tuple(groups), firsts, columns[0], rows, listing)


def labelled_rows(labels: Sequence[Label], names: Sequence[str], leavings: Leavings) -> list[int]:
    """The rows that have a label; that of an unlabelled image is none, or -1 in Hugging Face's sets."""
    rows = []
    for row, label in enumerate(labels):
        if label is None or (isinstance(label, int) and (label < 0 or (names and label >= len(names)))):
            leavings.add(UNLABELLED, f"row {row}")
        else:
            rows.append(row)
    return rows


def listing_of(
    root: Path,
    rows: Sequence[int],
    labels: Sequence[Label],
    names: tuple[str, ...],
    groups: Sequence[Group],
    firsts: Sequence[int],
    known: Known,
    leavings: Leavings,
) -> Listing:
    """`names` are those of the labels' numbers, where the file has them; otherwise what labels say is their name."""
    shown = [groups[bisect_right(firsts, row) - 1].name(row) for row in rows]
    values = [value_of(labels[row], names) for row in rows]
    classes = list(names) or in_order(sorted(set(values)))
    found = named(classes, root, known)
    of_class = dict(zip(classes, found.of_folder, strict=True))
    indices = [of_class[value] for value in values]
    left_out, notes = leavings.left_out, found.notes
    return Listing(shown, indices, found.class_names, left_out, found.classes, notes, layout="parquet files")


def value_of(label: Label, names: Sequence[str]) -> str:
    return names[label] if names and isinstance(label, int) else str(label)


def column_of(there: Sequence[str], names: Sequence[str], file: str) -> str:
    found = next((name for name in names if name in there), None)
    if found is None:
        raise InvalidInputError(f"{file} has no column {names[0]}, but {', '.join(there)}: name it so", field="dataset")
    return found


def described_names(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """The names of the labels' numbers as Hugging Face describes them in the file; none where it does not."""
    try:
        features = json.loads((metadata or {})[DESCRIPTION])["info"]["features"]
        return tuple(features[column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()


@lru_cache(maxsize=1)
def read_group(path: Path, number: int, column: str) -> Scalars:
    """The bytes of a group's images, as an array of pyarrow's."""
    with pyarrow_parquet().ParquetFile(path) as opened:
        images = opened.read_row_group(number, columns=[column])[column].combine_chunks()
    import pyarrow
    import pyarrow.compute

    found: Scalars = pyarrow.compute.struct_field(images, "bytes") if pyarrow.types.is_struct(images.type) else images
    return found


def pyarrow_parquet() -> ModuleType:
    """Raises InvalidInputError where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise InvalidInputError(
            "parquet files are read by pyarrow: install it with pip install pyarrow", field="dataset"
        ) from error
    found: ModuleType = pyarrow.parquet
    return found
