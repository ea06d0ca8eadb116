"""Copies of what is stored elsewhere, on this machine's disk and within a bound: what was used longest ago goes first.

Several processes may share one. None of it is needed: it may be removed at any time.
"""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.durable_files import TEMPORARY_PREFIX, write_whole
from adapters.store.walking import STILL_SECONDS, bytes_of, changed_at, remove

LOOKS_IN_A_BOUND = 16
"""The disk is looked at whenever a process has added this part of the bound, so that no process is far above it."""


@dataclass(frozen=True)
class Copy:
    """A file, or a folder that goes as one."""

    path: Path
    size: int
    used_at: float


class DiskCache:
    """A folder of files and folders, each of which is one copy."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._added = max_bytes  # Nobody has looked yet.

    def read(self, name: str) -> bytes | None:
        """A copy, which counts as used now."""
        path = self.root / name
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Keeps a copy, unless it cannot be kept: then it is fetched again when it is needed."""
        if len(content) > self._max_bytes:
            return
        with suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / name, content)
        self.note_added(len(content))

    def drop(self, name: str) -> None:
        """A copy was wrong."""
        with suppress(OSError):
            (self.root / name).unlink(missing_ok=True)

    def note_added(self, size: int) -> None:
        """Makes room once enough has come."""
        with self._lock:
            self._added += size
            if self._added * LOOKS_IN_A_BOUND <= self._max_bytes:
                return
            self._added = 0
            self._make_room()

    def _make_room(self) -> None:
        found = sorted(copies(self.root), key=lambda copy: copy.used_at)
        total = sum(copy.size for copy in found)
        for copy in found[:-1]:  # The one that was used last is being used.
            if total * LOOKS_IN_A_BOUND <= self._max_bytes * (LOOKS_IN_A_BOUND - 1):
                return
            with suppress(OSError):
                take_out_of_sight(copy.path)
                total -= copy.size


def copies(root: Path) -> Iterator[Copy]:
    """All that is whole; what a process that died had begun to write is removed."""
    for path in root.glob("*"):
        with suppress(OSError):
            if path.name.startswith(TEMPORARY_PREFIX):
                if time.time() - changed_at(path) > STILL_SECONDS:
                    remove(path)
            elif not path.name.startswith("."):
                yield Copy(path, bytes_of(path), path.stat().st_mtime)


def take_out_of_sight(path: Path) -> None:
    """At once, so that nobody finds a part of a folder; then it is removed."""
    gone = path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{time.monotonic_ns()}")
    os.rename(path, gone)
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
