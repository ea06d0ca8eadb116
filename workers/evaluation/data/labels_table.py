"""Images with one table beside them: `labels.csv` or `metadata.csv`, with a column of files and one of labels.

The order is that of the table. Files that it does not name are left out and counted; those that are not there are rows
that say so.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustify.errors import InvalidInputError
from workers.evaluation.data.leavings import NOT_LISTED, Leavings, shown
from workers.evaluation.data.names import Known, Named, in_order, named
from workers.evaluation.data.source import FileSource, Listing
from workers.evaluation.data.walking import pictures_under

TABLES = ("labels.csv", "metadata.csv")
FILE_COLUMNS = ("file_name", "filename", "file", "path", "image_path", "filepath", "image", "image_id")
LABEL_COLUMNS = ("label", "class", "class_name", "category", "target", "label_name")
SPLIT_COLUMN = "split"
SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Entry:
    """A line of the table."""

    file: str
    label: str


def table_in(folder: Path) -> Path | None:
    return next((folder / name for name in TABLES if (folder / name).is_file()), None)


def labels_table(root: Path, split: str | None, known: Known) -> FileSource:
    """A split is a folder with a table of its own, or a value of a column `split`. Raises InvalidInputError."""
    folder = root / split if split and table_in(root / split) else root
    table = table_in(folder)
    assert table is not None
    entries = read_entries(table, split if folder == root else None)
    classes = in_order(sorted({entry.label for entry in entries}))
    labels = named(classes, folder, known) if classes else Named((), ())
    of_class = dict(zip(classes, labels.of_folder, strict=True))
    leavings = Leavings()
    check_listed({entry.file for entry in entries}, pictures_under(folder, "", leavings), table.name, leavings)
    listing = Listing(
        names=[entry.file for entry in entries],
        labels=[of_class[entry.label] for entry in entries],
        class_names=labels.class_names,
        left_out=leavings.left_out,
        classes=labels.classes,
        notes=labels.notes,
        layout=f"the table {table.name}",
    )
    return FileSource(folder, listing)


def check_listed(listed: set[str], there: Sequence[str], table: str, leavings: Leavings) -> None:
    """Puts what is not listed to the leavings. Raises InvalidInputError where nothing of what is listed is there."""
    for file in there:
        if file not in listed:
            leavings.add(NOT_LISTED, file)
    if listed and listed.isdisjoint(there):
        example = there[0] if there else "images/a.png"
        raise InvalidInputError(
            f"{table} names {len(listed)} files, of which none is there: name them by their path beside it, as "
            f"{shown(example)}",
            field="dataset",
        )


def read_entries(table: Path, split: str | None) -> list[Entry]:
    """Raises InvalidInputError for a table without the two columns, or of several splits of which none is named."""
    header, rows = read_table(table)
    file = column(header, FILE_COLUMNS, table.name, "files")
    label = column(header, LABEL_COLUMNS, table.name, "labels")
    entries = [Entry(posix(row[file]), row[label].strip()) for row in of_split(rows, header, split, table.name)]
    if unlabelled := [entry.file for entry in entries if not entry.label]:
        raise InvalidInputError(f"{table.name} has no label for {len(unlabelled)} files: {unlabelled[0]}", "dataset")
    return entries


def posix(file: str) -> str:
    """The path of a file as it is written elsewhere, on any system."""
    return file.strip().replace("\\", "/").removeprefix("./")


def read_table(path: Path) -> tuple[Sequence[str], list[Mapping[str, str]]]:
    """Raises InvalidInputError for what is no table."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            separator = max(SEPARATORS, key=first.count)
            reader = csv.DictReader(file, delimiter=separator, restval="", strict=True)
            rows: list[Mapping[str, str]] = [
                {str(name): value or "" for name, value in row.items() if name is not None} for row in reader
            ]
            return tuple(reader.fieldnames or ()), rows
    except (csv.Error, UnicodeError) as error:
        raise InvalidInputError(f"{path.name} is no table of values in UTF-8: correct it", field="dataset") from error


def column(header: Sequence[str], names: Sequence[str], table: str, what: str) -> str:
    """The column of the first of these names that there is, in whatever case."""
    by_name = {name.strip().lower(): name for name in header}
    found = next((by_name[name] for name in names if name in by_name), None)
    if found is None:
        raise InvalidInputError(
            f"{table} has no column of {what}: call one of {', '.join(header)} {names[0]}", field="dataset"
        )
    return found


def of_split(
    rows: list[Mapping[str, str]], header: Sequence[str], split: str | None, table: str
) -> list[Mapping[str, str]]:
    splits = sorted({row[SPLIT_COLUMN] for row in rows}) if SPLIT_COLUMN in header else []
    if split is None and len(splits) > 1:
        raise InvalidInputError(f"{table} has the splits {', '.join(splits)}: choose one with --split", field="split")
    if split is None:
        return rows
    if split not in splits:
        raise InvalidInputError(f"{table} has no split {split!r}, but {', '.join(splits) or 'none'}", field="split")
    return [row for row in rows if row[SPLIT_COLUMN] == split]
