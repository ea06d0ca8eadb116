"""From a folder to a data set: the layout is told by what lies in the folder, or named as one of the paper's sets."""

from pathlib import Path

from adapters.images import USUAL, Preprocessing
from robustify.errors import InvalidInputError
from workers.evaluation.data.class_folders import class_folders
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.data.images import images_of
from workers.evaluation.data.labels_table import labels_table, table_in
from workers.evaluation.data.names import NOTHING_KNOWN, Known
from workers.evaluation.data.paper_sets import PaperSet, source_of
from workers.evaluation.data.parquet import parquet, parquet_files
from workers.evaluation.data.sheets import is_of_sheets, read_sheets
from workers.evaluation.data.source import Source
from workers.evaluation.data.tar_shards import all_shards, tar_shards
from workers.evaluation.data.walking import folders_in


def read_dataset(
    folder: Path,
    split: str | None,
    side: int,
    limit: int | None = None,
    preprocessing: Preprocessing = USUAL,
    known: Known = NOTHING_KNOWN,
    paper_set: PaperSet | None = None,
) -> Dataset:
    """The chosen images of a split, of which none is read yet. Raises InvalidInputError, or RobustifyError with the
    name of a file without which there is no data set.
    """
    if paper_set is None and (is_of_sheets(folder) or is_nothing_but_sheets(folder)):
        check_no_map(known, "sheets")
        return read_sheets(folder, split, side, limit, preprocessing)
    if paper_set is None:
        return images_of(found_source(folder, split, known), side, limit, preprocessing)
    check_no_map(known, paper_set.name)
    return images_of(source_of(paper_set, folder, split, known), side, limit, preprocessing)


def check_no_map(known: Known, what: str) -> None:
    if known.class_map is not None:
        raise InvalidInputError(f"{what} name their classes themselves: leave --class-map out", field="class-map")


def is_nothing_but_sheets(folder: Path) -> bool:
    """Whether a `labels.json` that cannot be read is all that the folder has: then what is wrong with it is told."""
    return (folder / "labels.json").is_file() and not folders_in(folder) and not has_images_in_files(folder)


def found_source(folder: Path, split: str | None, known: Known) -> Source:
    if table_in(folder) or (split and table_in(folder / split)):
        return labels_table(folder, split, known)
    if folder.is_dir() and parquet_files(folder, None):
        return parquet(folder, split, known)
    if folder.is_dir() and all_shards(folder):
        return tar_shards(folder, split, known)
    return class_folders(folder, split, known)


def has_images_in_files(folder: Path) -> bool:
    """Whether its images are named by a table, or lie in files of many."""
    return bool(table_in(folder) or parquet_files(folder, None) or all_shards(folder))
