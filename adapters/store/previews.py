"""The pictures of previews, as they are stored: one object each, below its preview, below its owner, who keeps the
latest previews.

What a preview shows can be asked for again: a power cut may take it.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from adapters.contract.access import KEYLESS
from adapters.contract.results import PictureName
from adapters.store.folder import objects_in
from adapters.store.objects import Entry, Objects

KEPT = 50
"""Previews of one owner whose pictures are kept: a page that slides through sigmas asks for many."""
SUFFIX = ".png"
OWNERLESS = "keyless"
"""In place of the owner who needs no key; the id of a key begins with another letter, or is longer."""
JOB = re.compile(r"[0-9a-z]{1,64}")
OWNER = re.compile(r"[0-9A-Za-z_]{1,64}")
IMAGE = re.compile(r"[0-9a-f]{64}")


class PreviewStore:
    """PNG files. Every method may be called by several processes at once, and raises OSError where it cannot do it."""

    def __init__(self, place: Path | Objects) -> None:
        self._objects = objects_in(place)

    def keep(self, owner: str, job: str, image: str, pictures: Mapping[PictureName, bytes]) -> None:
        """Stores the pictures of a preview of a canonical tensor, and removes those of the owner's oldest ones where
        there are too many."""
        owned, preview = self._owned(owner), preview_of(job, image)
        for name, content in pictures.items():
            owned.create(f"{preview}/{name}{SUFFIX}", content)
        if surplus := set(self._latest(owner)[KEPT:]):
            self._remove(owner, surplus.__contains__)

    def get(self, owner: str, job: str, image: str, name: PictureName) -> bytes | None:
        """A picture; None where it is not kept any more."""
        return self._owned(owner).read(f"{preview_of(job, image)}/{name}{SUFFIX}")

    def forget(self, owner: str, job: str) -> None:
        """Removes the pictures of a preview; nothing where there are none."""
        beginning = f"{checked(JOB, job)}."
        self._remove(owner, lambda preview: preview.startswith(beginning))

    def forget_image(self, owner: str, image: str) -> None:
        """Removes the pictures of all of an owner's previews of an image, likewise."""
        ending = f".{checked(IMAGE, image)}"
        self._remove(owner, lambda preview: preview.endswith(ending))

    def older_than(self, seconds: float) -> Iterator[Entry]:
        """The pictures that were stored so long ago."""
        limit = time.time() - seconds
        entries = self._objects.entries()
        return (entry for entry in entries if entry.name.endswith(SUFFIX) and entry.modified_at < limit)

    def remove(self, picture: Entry) -> None:
        """Removes one of these."""
        self._objects.remove(picture.name)

    def _latest(self, owner: str) -> Sequence[str]:
        """An owner's previews, the latest first."""
        stored_at: dict[str, float] = {}
        for entry in self._owned(owner).entries():
            preview = entry.name.split("/")[0]
            stored_at[preview] = max(entry.modified_at, stored_at.get(preview, 0.0))
        return sorted(stored_at, key=lambda preview: -stored_at[preview])

    def _remove(self, owner: str, is_meant: Callable[[str], bool]) -> None:
        owned = self._owned(owner)
        for entry in list(owned.entries()):
            if is_meant(entry.name.split("/")[0]):
                owned.remove(entry.name)

    def _owned(self, owner: str) -> Objects:
        return self._objects.below(OWNERLESS if owner == KEYLESS else checked(OWNER, owner))


def preview_of(job: str, image: str) -> str:
    """What the names of a preview's pictures begin with."""
    return f"{checked(JOB, job)}.{checked(IMAGE, image)}"


def checked(pattern: re.Pattern[str], name: str) -> str:
    """A part of a path, which must be what it says and no path of its own."""
    if not pattern.fullmatch(name):
        raise ValueError(f"{name!r} names no preview")
    return name
