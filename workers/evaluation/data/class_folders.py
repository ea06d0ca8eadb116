"""A folder with one folder of pictures for each class; only names are read before a picture is asked for.

What lies deeper in a class folder belongs to its class. A class folder that is empty is a label all the same: without
it the others would be easier to tell apart. The order is every class in turn.
"""

from collections.abc import Sequence
from pathlib import Path

from robustify.errors import InvalidInputError
from workers.evaluation.data.leavings import (
    DANGLING,
    EMPTY_CLASS,
    HIDDEN,
    NO_CLASS,
    NO_PICTURE,
    OTHER_FOLDER,
    Leavings,
    is_hidden,
    shown,
)
from workers.evaluation.data.names import NAME_LISTS, Known, in_order, named
from workers.evaluation.data.source import FileSource, Listing
from workers.evaluation.data.walking import entries, folders_in, holds_pictures, is_picture, pictures_under

SPLITS = frozenset(
    {"train", "training", "trainval", "val", "valid", "validation", "test", "testing", "dev", "eval", "evaluation"}
)
WRONG_KIND = (
    "the dataset must be a folder with labels.json and sheets, one with a folder of images for each class (2 or more), "
    "one with labels.csv or metadata.csv beside images, or one of parquet files or tar shards"
)


def class_folders(root: Path, split: str | None, known: Known) -> FileSource:
    """Raises InvalidInputError for a folder that is not of this layout, or is one of splits."""
    folder = root / split if split else root
    names = folders_in(folder) if folder.is_dir() else []
    if not split:
        check_no_splits(folder, names)
    leavings = Leavings()
    loose(folder, leavings)
    found = {name: pictures_under(folder, name, leavings) for name in names}
    classes = in_order([name for name in names if found[name] or is_empty(folder / name)])
    for name in (name for name in names if not found[name]):
        leavings.add(EMPTY_CLASS if name in classes else OTHER_FOLDER, name)
    check_kind(root, folder, classes, any(found.values()))
    return FileSource(folder, listing_of(folder, classes, found, known, leavings))


def listing_of(
    folder: Path, classes: Sequence[str], found: dict[str, list[str]], known: Known, leavings: Leavings
) -> Listing:
    labels = named(classes, folder, known)
    return Listing(
        names=[file for name in classes for file in found[name]],
        labels=[label for name, label in zip(classes, labels.of_folder, strict=True) for _ in found[name]],
        class_names=labels.class_names,
        left_out=leavings.left_out,
        classes=labels.classes,
        notes=(*nested(found), *labels.notes),
        takes_turns=True,
        layout="class folders",
    )


def is_empty(folder: Path) -> bool:
    """Whether it holds nothing that is not hidden."""
    return all(is_hidden(entry.name) for entry in entries(folder))


def loose(folder: Path, leavings: Leavings) -> None:
    """What lies beside the class folders."""
    for entry in entries(folder) if folder.is_dir() else ():
        if is_hidden(entry.name):
            leavings.add(HIDDEN, entry.name)
        elif not entry.is_dir() and entry.name not in NAME_LISTS:
            kind = NO_CLASS if is_picture(entry.name) else NO_PICTURE
            leavings.add(kind if entry.is_file() else DANGLING, entry.name)


def nested(found: dict[str, list[str]]) -> tuple[str, ...]:
    """A sentence about pictures that lie deeper than in their class folder."""
    deeper = [file for files in found.values() for file in files if file.count("/") > 1]
    if not deeper:
        return ()
    return (
        f"{len(deeper)} images lie in folders within class folders, and are of these classes: {shown(deeper[0])}, ...",
    )


def check_no_splits(folder: Path, names: Sequence[str]) -> None:
    """Raises InvalidInputError where folders are splits and no classes: one that holds folders and no picture of its
    own, or where all have names of splits. A class may be called `train`.
    """
    named_so = [name for name in names if name.lower() in SPLITS]
    splits = [name for name in named_so if folders_in(folder / name) and not holds_pictures(folder / name)]
    if named_so and (splits or len(named_so) == len(names)):
        shown = ", ".join(splits or named_so)
        raise InvalidInputError(f"the dataset has the splits {shown}: choose one with --split", field="split")


def check_kind(root: Path, folder: Path, classes: Sequence[str], has_pictures: bool) -> None:
    """Raises InvalidInputError where folders are not those of classes."""
    if len(classes) < 2 or not has_pictures:
        raise InvalidInputError(WRONG_KIND + hint(root, folder), field="dataset")
    if any(holds_pictures(folder / name) for name in classes):
        return
    groups = [name for name in classes if len(folders_in(folder / name)) > 1]
    if groups:
        raise InvalidInputError(
            f"the dataset must have pictures in its class folders; {', '.join(groups[:10])} hold several folders and "
            "no picture of their own: name the folder that holds the class folders",
            field="dataset",
        )


def hint(root: Path, folder: Path) -> str:
    """Where there is no such split: the folders that there are."""
    if folder != root and not folder.is_dir():
        there = folders_in(root) if root.is_dir() else []
        return f". There is no folder {folder.name} in it" + (f", but {', '.join(there[:20])}" if there else "")
    return ""
