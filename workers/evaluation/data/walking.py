"""The pictures in a folder and in all folders under it, by their names alone."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from workers.evaluation.data.leavings import CLOSED, DANGLING, HIDDEN, NO_PICTURE, ROUND, Leavings, is_hidden
from workers.evaluation.data.pictures import IMAGE_SUFFIXES


def pictures_under(root: Path, within: str, leavings: Leavings) -> list[str]:
    """Paths relative to `root`, sorted, of the pictures in its folder `within`; all else goes to the leavings."""
    return sorted(_pictures(root, within, leavings, frozenset({os.path.realpath(root)})))


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in it that are not hidden, sorted."""
    return sorted(entry.name for entry in entries(folder) if entry.is_dir() and not is_hidden(entry.name))


def entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def open_entries(folder: Path, name: str, leavings: Leavings) -> list[os.DirEntry[str]]:
    """As `entries`; a folder whose rights forbid it has none."""
    try:
        return entries(folder)
    except PermissionError:
        leavings.add(CLOSED, name)
        return []


def holds_pictures(folder: Path) -> bool:
    """Whether a picture lies in the folder itself."""
    return any(is_picture(entry.name) and entry.is_file() for entry in entries(folder))


def is_picture(name: str) -> bool:
    return not is_hidden(name) and PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _pictures(root: Path, within: str, leavings: Leavings, above: frozenset[str]) -> Iterator[str]:
    """`above`: the real paths of the folders that lead here, so that a link to one of them does not lead round."""
    real = os.path.realpath(root / within)
    for entry in open_entries(root / within, within, leavings):
        name = f"{within}/{entry.name}" if within else entry.name
        if is_hidden(entry.name):
            leavings.add(HIDDEN, name)
        elif entry.is_dir():
            if os.path.realpath(entry.path) in above | {real}:
                leavings.add(ROUND, name)
            else:
                yield from _pictures(root, name, leavings, above | {real})
        elif not entry.is_file():
            leavings.add(DANGLING, name)
        elif is_picture(entry.name):
            yield name
        else:
            leavings.add(NO_PICTURE, name)
