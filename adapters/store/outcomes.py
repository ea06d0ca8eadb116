"""What was answered, on disk: one file for each question of an owner, in a folder for each image.

An outcome is the result of a job as JSON. The first one of a question stands.
"""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from adapters.contract.access import KEYLESS
from adapters.durable_files import write_whole
from adapters.store.walking import files_below

DIGEST = re.compile(r"[0-9a-f]{64}")
DIGEST_LETTERS = 64
SUFFIX = ".json"
TRIES = 3


class OutcomeStore:
    """A folder of outcomes. Every method may be called from several processes at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, owner: str, image: str, question: str) -> str | None:
        """The outcome of an owner's question about an image; both are named by their digests."""
        try:
            return self._path(owner, image, question).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def keep(self, owner: str, image: str, question: str, outcome: str) -> None:
        """Stores an outcome before it returns; one that is there stays. Raises OSError where it cannot.

        What a power cut takes is computed again, with the same noise; until then the queue server has it too.
        """
        path = self._path(owner, image, question)
        for tries_left in reversed(range(TRIES)):
            if path.exists():
                return
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return write_whole(path, outcome.encode())
            except FileNotFoundError:  # The folder was removed in this moment, since it was empty.
                if not tries_left:
                    raise

    def forget(self, owner: str, image: str, question: str | None = None) -> bool:
        """Forgets the outcome of a question, or of all of an owner's about an image; whether there was one."""
        if question is not None:
            found = [path for path in [self._path(owner, image, question)] if path.exists()]
        else:
            ending = f"{_owned(owner)}{SUFFIX}"
            found = [path for path in files_below(self._folder(image)) if path.name[DIGEST_LETTERS:] == ending]
        for path in found:
            self.remove(path)
        return bool(found)

    def older_than(self, seconds: float) -> Iterator[Path]:
        """The files of outcomes that were stored so long ago."""
        limit = time.time() - seconds
        for path in files_below(self._root):
            with suppress(FileNotFoundError):
                if path.suffix == SUFFIX and path.stat().st_mtime < limit:
                    yield path

    def remove(self, path: Path) -> None:
        """Removes one such file, and the folders that are empty then."""
        path.unlink(missing_ok=True)
        for folder in (path.parent, path.parent.parent):
            with suppress(OSError):
                folder.rmdir()

    def _folder(self, image: str) -> Path:
        if not DIGEST.fullmatch(image):
            raise ValueError("an image is named by its sha256")
        return self._root / image[:2] / image

    def _path(self, owner: str, image: str, question: str) -> Path:
        if not DIGEST.fullmatch(question):
            raise ValueError("a question is named by its sha256")
        return self._folder(image) / f"{question}{_owned(owner)}{SUFFIX}"


def _owned(owner: str) -> str:
    return "" if owner == KEYLESS else f".{owner}"
