"""Walks folders that others change meanwhile: what vanishes on the way is left out."""

import os
from collections.abc import Iterator
from pathlib import Path

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
