"""ISIC 2018, task 3, as it is published: a folder of JPEGs for each part, and a table with a column for each class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustify.errors import InvalidInputError
from workers.evaluation.data.labels_table import read_table
from workers.evaluation.data.leavings import NOT_LISTED, Leavings
from workers.evaluation.data.source import FileSource, Listing
from workers.evaluation.data.walking import pictures_under

COLUMNS = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
"""In the order of the names."""
PARTS = ("Training", "Validation", "Test")
FOLDER, TABLE = "ISIC2018_Task3_{}_Input", "ISIC2018_Task3_{}_GroundTruth"


def isic(root: Path, split: str | None, names: tuple[str, ...]) -> FileSource:
    """The part called `split`: Training by default, which the paper takes. Raises InvalidInputError."""
    part = (split or PARTS[0]).title()
    folder, table = FOLDER.format(part), table_of(root, part)
    if part not in PARTS or table is None or not (root / folder).is_dir():
        wanted = f"{FOLDER.format(PARTS[0])} and {TABLE.format(PARTS[0])}.csv"
        raise InvalidInputError(f"the dataset must hold {wanted}, or those of another part as --split", field="dataset")
    header, rows = read_table(table)
    if missing := [name for name in ("image", *COLUMNS) if name not in header]:
        raise InvalidInputError(f"{table.name} has no column {missing[0]}: restore it", field="dataset")
    files = [f"{folder}/{row['image']}.jpg" for row in rows]
    leavings = Leavings()
    listed = set(files)
    for file in pictures_under(root, folder, leavings):
        if file not in listed:
            leavings.add(NOT_LISTED, file)
    layout = f"ISIC 2018, {part}"
    return FileSource(root, Listing(files, labels_of(rows, table.name), names, leavings.left_out, layout=layout))


def table_of(root: Path, part: str) -> Path | None:
    """Beside the pictures, or in a folder of its own name, as the archive unpacks."""
    name = TABLE.format(part)
    return next((path for path in (root / f"{name}.csv", root / name / f"{name}.csv") if path.is_file()), None)


def labels_of(rows: Sequence[Mapping[str, str]], table: str) -> list[int]:
    """Exactly one column of a row is 1. Raises InvalidInputError."""
    labels = []
    for row in rows:
        marked = [index for index, name in enumerate(COLUMNS) if is_one(row[name])]
        if len(marked) != 1:
            raise InvalidInputError(f"{table} marks {len(marked)} classes for {row['image']}: restore it", "dataset")
        labels.append(marked[0])
    return labels


def is_one(text: str) -> bool:
    try:
        return float(text) == 1.0
    except ValueError:
        return False
