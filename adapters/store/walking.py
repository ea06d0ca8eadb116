"""Walks folders that others change meanwhile: what vanishes on the way is left out."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

STILL_SECONDS = 3600
"""Nothing that is being made lies still for so long."""

# Before Python 3.13, `Path.glob` raises FileNotFoundError for a folder that is removed while it looks.


def files_below(root: Path) -> Iterator[Path]:
    """All files in a folder and in those inside; none where there is no such folder."""
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names)


def all_below(root: Path) -> Iterator[Path]:
    """All files and folders inside a folder, what is in a folder before the folder itself."""
    for folder, folders, names in os.walk(root, topdown=False):
        yield from (Path(folder, name) for name in (*names, *folders))


def folders_below(root: Path) -> Iterator[Path]:
    """All folders inside a folder, the innermost first; no links."""
    for folder, folders, _ in os.walk(root, topdown=False):
        yield from (path for name in folders if not (path := Path(folder, name)).is_symlink())


def changed_at(path: Path) -> float:
    """When a file, or anything in a folder, was written last; seconds since the epoch."""
    return max([path.stat().st_mtime, *(part.lstat().st_mtime for part in all_below(path))])


def bytes_of(path: Path) -> int:
    """Of a file, or of all files in a folder, as far as they are there."""
    total = 0
    for part in (path, *files_below(path)):
        with suppress(OSError):
            total += part.lstat().st_size if not part.is_dir() else 0
    return total


def remove(path: Path) -> None:
    """A file or a folder with all that is in it; nothing where it is gone. Raises OSError where it stays."""
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
