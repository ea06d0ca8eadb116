"""Files that are whole or not there, whatever crashes, and folders that one process at a time changes."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

TEMPORARY_PREFIX = ".partial-"


def write_durably(path: Path, content: bytes) -> None:
    """Nobody ever sees a part of the file, and it survives a power cut."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY_PREFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        sync(Path(name))
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    sync(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Nobody ever sees a part of the file; a power cut may lose it for as long as the system keeps it in memory."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY_PREFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def create_whole(path: Path, content: bytes) -> bool:
    """As `write_whole`, but what is there stays; whether this call made the file."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY_PREFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(name)
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While the block runs, no other process is in such a block for the folder, which is made if need be."""
    with opened_lock(folder) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def opened_lock(folder: Path) -> IO[str]:
    """The file that stands for the folder; the folder is made only where it is missing, which costs less."""
    try:
        return open(folder / ".lock", "a")
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return open(folder / ".lock", "a")


def sync(path: Path) -> None:
    """What was written to a file or a folder survives a power cut from here on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_together(*paths: Path) -> None:
    """As `sync`, of all of them: a file system waits for its disk once where it would wait for each in turn."""
    with ThreadPoolExecutor(len(paths)) as threads:
        list(threads.map(sync, paths))
