"""What is stored, in a folder: one file for each name, whole or not there, under locks of the file system."""

import errno
import hashlib
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

from adapters.durable_files import create_whole, locked, sync, sync_together, write_durably
from adapters.store.objects import Entry, Objects, Versioned
from adapters.store.walking import files_below

PROBE = ".probe"
LOCKS = ".locks"
TRIES = 3

T = TypeVar("T")


class Folder:
    """The names are paths in the folder; what begins with a dot is no object."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def below(self, name: str) -> "Folder":
        return Folder(self.root / name)

    def read(self, name: str, again: bool = False) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def create(self, name: str, content: bytes) -> bool:
        path = self.root / name
        return not path.exists() and in_its_folder(path, lambda: create_whole(path, content))

    def make_durable(self, name: str) -> None:
        path = self.root / name
        sync_together(path, path.parent)

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        in_its_folder(path, lambda: write_durably(path, content))

    def versioned(self, name: str) -> Versioned:
        content = self.read(name)
        return Versioned(content, version_of(content))

    def replace(self, name: str, content: bytes | None, version: str | None) -> bool:
        with locked(self.root):
            if version_of(self.read(name)) != version:
                return False
            if content is not None:
                self.write(name, content)
            elif version is not None:
                (self.root / name).unlink()
                sync((self.root / name).parent)
            return True

    def remove(self, name: str) -> None:
        path = self.root / name
        path.unlink(missing_ok=True)
        for folder in path.parents[: len(Path(name).parts) - 1]:
            with suppress(OSError):  # Others are in the folder, or it is gone.
                folder.rmdir()

    def entries(self, deep: bool = True) -> Iterator[Entry]:
        for path in files_below(self.root) if deep else self.root.glob("*"):
            name = path.relative_to(self.root)
            if any(part.startswith(".") for part in name.parts):
                continue
            with suppress(FileNotFoundError):
                found = path.stat()
                if deep or stat.S_ISREG(found.st_mode):
                    yield Entry(name.as_posix(), found.st_size, found.st_mtime)

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """The lock of the name's own folder, so that nobody waits for others."""
        return locked(self.root / LOCKS / Path(name).parent)

    def check(self, probe: bytes, min_free_bytes: int) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        write_durably(self.root / PROBE, probe)
        (self.root / PROBE).unlink(missing_ok=True)
        self.check_room(min_free_bytes)

    def check_room(self, min_free_bytes: int) -> None:
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(self.root).free) < min_free_bytes:
            raise OSError(errno.ENOSPC, f"the disk of the store has {free} bytes free, under {min_free_bytes}")


def objects_in(place: Path | Objects) -> Objects:
    """A folder as what is stored in it."""
    return Folder(place) if isinstance(place, Path) else place


def version_of(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def in_its_folder(path: Path, write: Callable[[], T]) -> T:
    """Writes a file, whose folder somebody may remove in this moment, since it is empty."""
    for _ in range(TRIES):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            return write()
    return write()
