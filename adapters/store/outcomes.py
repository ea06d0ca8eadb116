"""What was answered, as it is stored: one object for each question of an owner, below each image.

An outcome is the result of a job as JSON. The first one of a question stands.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.contract.access import KEYLESS
from adapters.store.folder import objects_in
from adapters.store.objects import Entry, Objects

DIGEST = re.compile(r"[0-9a-f]{64}")
DIGEST_LETTERS = 64
SUFFIX = ".json"


class OutcomeStore:
    """Outcomes. Every method may be called from several processes at once, and raises OSError where it cannot do it."""

    def __init__(self, place: Path | Objects) -> None:
        self._objects = objects_in(place)

    def get(self, owner: str, image: str, question: str) -> str | None:
        """The outcome of an owner's question about an image; both are named by their digests."""
        content = self._objects.read(name_of(owner, image, question))
        return None if content is None else content.decode(errors="replace")

    def keep(self, owner: str, image: str, question: str, outcome: str) -> str:
        """Stores an outcome for good before it returns; one that is there stays. Returns the one that stands."""
        name, content = name_of(owner, image, question), outcome.encode()
        is_new = self._objects.create(name, content)
        standing = content if is_new else self._objects.read(name)
        if standing is None:  # It was forgotten in this moment.
            return self.keep(owner, image, question, outcome)
        self._objects.make_durable(name)
        return standing.decode(errors="replace")

    def renew(self, owner: str, image: str, question: str, outcome: str) -> str:
        """Stores an outcome in place of one that is damaged."""
        self._objects.write(name_of(owner, image, question), outcome.encode())
        return outcome

    def forget(self, owner: str, image: str, question: str | None = None) -> bool:
        """Forgets the outcome of a question, or of all of an owner's about an image; whether there was one."""
        if question is not None:
            name = name_of(owner, image, question)
            found = [name] if self._objects.read(name) is not None else []
        else:
            below, ending = folder_of(image), f"{owned(owner)}{SUFFIX}"
            entries = self._objects.below(below).entries()
            found = [f"{below}/{entry.name}" for entry in entries if entry.name[DIGEST_LETTERS:] == ending]
        for name in found:
            self._objects.remove(name)
        return bool(found)

    def older_than(self, seconds: float) -> Iterator[Entry]:
        """The outcomes that were stored so long ago."""
        limit = time.time() - seconds
        entries = self._objects.entries()
        return (entry for entry in entries if entry.name.endswith(SUFFIX) and entry.modified_at < limit)

    def remove(self, outcome: Entry) -> None:
        """Removes one of these."""
        self._objects.remove(outcome.name)


def folder_of(image: str) -> str:
    """What the names of all outcomes about an image begin with."""
    if not DIGEST.fullmatch(image):
        raise ValueError("an image is named by its sha256")
    return f"{image[:2]}/{image}"


def name_of(owner: str, image: str, question: str) -> str:
    """Where an outcome is stored."""
    if not DIGEST.fullmatch(question):
        raise ValueError("a question is named by its sha256")
    return f"{folder_of(image)}/{question}{owned(owner)}{SUFFIX}"


def owned(owner: str) -> str:
    return "" if owner == KEYLESS else f".{owner}"
