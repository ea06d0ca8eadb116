"""The label of each class of a data set: by its folder's name or number, a WordNet id, a list of names, or a map.

Nothing is guessed: what could be meant in two ways is refused, and how it was meant is in the report.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from adapters.profiles.class_lists import folded, read_class_list
from adapters.profiles.profile import read_class_names
from robustify.errors import InvalidInputError, ModelFilesError
from workers.evaluation.data.dataset import ClassOfFolder

NUMBER = re.compile(r"[0-9]{1,9}")
WNID = re.compile(r"n[0-9]{8}")
NAME_LISTS = ("labels.json", "classes.txt", "classnames.txt")
"""Files beside a data set that name its classes by their numbers."""


@dataclass(frozen=True)
class Known:
    """What is known of the classes beside their folders: those of a classifier that knows no others, in its order, and
    the user's map of folders to labels.
    """

    classes: tuple[str, ...] | None = None
    class_map: Path | None = None


NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class Named:
    """The labels, and which of them each folder has; `of_folder` has an index for each folder, in their order."""

    class_names: tuple[str, ...]
    of_folder: tuple[int, ...]
    classes: tuple[ClassOfFolder, ...] = ()
    notes: tuple[str, ...] = ()


def named(folders: Sequence[str], beside: Path, known: Known, from_zero: bool = False) -> Named:
    """The labels of class folders, whose names come in the order of `in_order`. `from_zero`: numbers are known to count
    from 0. Raises InvalidInputError.
    """
    if known.class_map is not None:
        return by_map(folders, read_class_map(known.class_map))
    if all(NUMBER.fullmatch(name) for name in folders):
        return by_number(folders, beside, from_zero)
    unused = tuple(f"{name} is not used: the classes have names of their own" for name in lists_in(beside))
    if all(WNID.fullmatch(name) for name in folders):
        return by_wnid(folders, known.classes, unused)
    if any(NUMBER.fullmatch(name) for name in folders):
        unused = (*unused, "some classes are numbers and some are not: they are sorted as text")
    labels = [matched(name, known.classes) for name in folders]
    return Named(tuple(labels), tuple(range(len(folders))), renamed(folders, labels), unused)


def in_order(folders: Sequence[str]) -> list[str]:
    """By number where all are numbers, by text otherwise. Raises InvalidInputError where a number comes twice."""
    if not all(NUMBER.fullmatch(name) for name in folders):
        return sorted(folders)
    ordered = sorted(folders, key=int)
    for first, second in zip(ordered, ordered[1:], strict=False):
        if int(first) == int(second):
            raise InvalidInputError(f"the class folders {first} and {second} are one number: rename one", "dataset")
    return ordered


def plain(folder: str) -> str:
    """A folder's name as a label."""
    return " ".join(folder.replace("_", " ").replace("-", " ").split())


def matched(folder: str, classes: tuple[str, ...] | None) -> str:
    """Of the only classes that there are, the one with the folder's name as it is, or else with its signs as spaces."""
    by_key = by_folded(classes) if classes else {}
    return by_key.get(folded(folder)) or by_key.get(folded(plain(folder))) or plain(folder)


@cache
def by_folded(classes: tuple[str, ...]) -> Mapping[str, str]:
    return {folded(name): name for name in classes}


def renamed(folders: Sequence[str], labels: Sequence[str]) -> tuple[ClassOfFolder, ...]:
    """All folders with their labels, if one has another label than its plain name."""
    if all(label == plain(folder) for folder, label in zip(folders, labels, strict=True)):
        return ()
    return pairs(folders, labels)


def pairs(folders: Sequence[str], labels: Sequence[str]) -> tuple[ClassOfFolder, ...]:
    return tuple(ClassOfFolder(folder, label) for folder, label in zip(folders, labels, strict=True))


def by_map(folders: Sequence[str], mapping: Mapping[str, str]) -> Named:
    """Folders with one label are one class. Raises InvalidInputError for a folder without a label."""
    if missing := [folder for folder in folders if folder not in mapping]:
        shown = ", ".join(missing[:10])
        raise InvalidInputError(f"the class map has no label for {len(missing)} folders: {shown}", field="class-map")
    labels = [mapping[folder] for folder in folders]
    names = tuple(dict.fromkeys(labels))
    rest = len(set(mapping) - set(folders))
    notes = (f"{rest} entries of the class map are of no folder here",) if rest else ()
    return Named(names, tuple(names.index(label) for label in labels), pairs(folders, labels), notes)


def by_number(folders: Sequence[str], beside: Path, from_zero: bool) -> Named:
    """Numbers index the list of names beside them, of which all are labels; without one they are the labels."""
    numbers = [int(folder) for folder in folders]
    found = numbered_names(beside, numbers, from_zero)
    if found is None:
        note = "the classes are numbers: give --labels in their order, a classes.txt beside them, or --class-map"
        return Named(tuple(folders), tuple(range(len(folders))), notes=(note,))
    labels = [found.class_names[number - found.first] for number in numbers]
    notes = (f"the names are those of {found.file}, counted from {found.first}",)
    return Named(found.class_names, tuple(number - found.first for number in numbers), pairs(folders, labels), notes)


@dataclass(frozen=True)
class NumberedNames:
    """A list of names, and the number of its first one."""

    file: str
    class_names: tuple[str, ...]
    first: int


def numbered_names(beside: Path, numbers: Sequence[int], from_zero: bool) -> NumberedNames | None:
    """The list in the folder that has a name for each number. Raises InvalidInputError where it is not clear whether
    it counts from 0 or from 1, or where it is too short.
    """
    for file in lists_in(beside):
        if names := read_names(beside / file):
            return NumberedNames(file, names, first_number(file, len(names), numbers, from_zero))
    return None


def first_number(file: str, count: int, numbers: Sequence[int], from_zero: bool) -> int:
    if (from_zero or 0 in numbers) and max(numbers) < count:
        return 0
    if not from_zero and 0 not in numbers and max(numbers) == count:
        return 1
    if max(numbers) >= count:
        raise InvalidInputError(
            f"{file} has {count} names, but the classes have numbers up to {max(numbers)}: complete it, or move it",
            field="dataset",
        )
    raise InvalidInputError(
        f"it is not clear whether {file} counts its {count} names from 0 or from 1: give --class-map", field="dataset"
    )


def lists_in(folder: Path) -> list[str]:
    return [name for name in NAME_LISTS if (folder / name).is_file()]


def read_names(path: Path) -> tuple[str, ...]:
    """Of a list of class names; empty where the file is something else, such as the labels of some program."""
    try:
        return read_class_list(path, "number")
    except ModelFilesError:
        return ()


def by_wnid(folders: Sequence[str], classes: tuple[str, ...] | None, notes: tuple[str, ...]) -> Named:
    """WordNet ids of ImageNet's classes, as a classifier of ImageNet names them; other ids stay as they are."""
    positions = {wnid: index for index, wnid in enumerate(imagenet_wnids())}
    names = classes if classes and len(classes) == len(positions) else read_class_names("imagenet")
    unknown = [wnid for wnid in folders if wnid not in positions]
    labels = [names[positions[wnid]] if wnid in positions else wnid for wnid in folders]
    if unknown:
        notes = (*notes, f"{len(unknown)} folders have ids that are none of ImageNet's: {', '.join(unknown[:10])}")
    return Named(tuple(labels), tuple(range(len(folders))), pairs(folders, labels), notes)


def imagenet_wnids() -> tuple[str, ...]:
    """The 1,000 ids of ImageNet's classes, in the order in which its classifiers have them."""
    return read_class_names("imagenet_wnids")


def read_class_map(path: Path) -> Mapping[str, str]:
    """Folder to label: a JSON object, or lines of both with a tab, a comma or a space between them.

    Raises InvalidInputError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        pairs = list(json.loads(text).items()) if path.suffix == ".json" else [split_line(line) for line in lines(text)]
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidInputError(
            f'{path.name} is no map of folders to labels: write {{"FOLDER": "LABEL"}} as JSON, or a line FOLDER,LABEL '
            "for each",
            field="class-map",
        ) from error
    if len({folder for folder, _ in pairs}) < len(pairs):
        raise InvalidInputError(f"{path.name} names a folder twice: leave one out", field="class-map")
    return {folder: str(label) for folder, label in pairs}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def split_line(line: str) -> tuple[str, str]:
    """Raises ValueError for a line of one word."""
    between = next((sign for sign in "\t," if sign in line), " ")
    folder, found, label = line.partition(between)
    if not found or not label.strip():
        raise ValueError(f"no label: {line!r}")
    return folder.strip(), label.strip()
