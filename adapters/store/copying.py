"""From one store to another: everything, each thing read back and compared, gone on with where it was."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from adapters.store.adaptations import MANIFEST
from adapters.store.objects import Entry, Objects
from adapters.store.places import IMAGES, KINDS
from robustify.errors import RobustifyError


class Copied(StrEnum):
    """What became of one thing."""

    COPIED = "copied"
    THERE = "there already"
    OTHER = "something else is there, and stays"
    DAMAGED = "damaged, and left out"
    GONE = "gone meanwhile"


@dataclass(frozen=True)
class CopiedObject:
    """One thing, by its name in the store."""

    name: str
    size: int
    what: Copied


def copied(source: Objects, target: Objects, replaces: bool = False) -> Iterator[CopiedObject]:
    """Copies one thing after the other, what others mention before them.

    `replaces`: also what stands at the target otherwise. Raises RobustifyError for a thing that does not come back as
    it was written.
    """
    for kind in KINDS:
        origin, destination = source.below(kind), target.below(kind)
        for entry in sorted(origin.entries(), key=manifests_last):
            what = copy(kind, entry.name, origin, destination, replaces)
            yield CopiedObject(f"{kind}/{entry.name}", entry.size, what)


def manifests_last(entry: Entry) -> tuple[str, bool, str]:
    """Of each adaptation, whose manifest says that the rest is there."""
    folder, _, name = entry.name.partition("/")
    return folder, name == MANIFEST, name


def copy(kind: str, name: str, source: Objects, target: Objects, replaces: bool) -> Copied:
    content = source.read(name)
    if content is None:
        return Copied.GONE
    if not is_whole(kind, name, content):
        return Copied.DAMAGED
    standing = target.read(name)
    if standing == content:
        return Copied.THERE
    if standing is not None and is_whole(kind, name, standing) and not replaces:
        return Copied.OTHER
    target.write(name, content)
    if target.read(name) != content:
        raise RobustifyError(f"{kind}/{name} does not come back from the store as it was written: nothing is lost here")
    return Copied.COPIED


def is_whole(kind: str, name: str, content: bytes) -> bool:
    """Whether an image is what its name says; of other things the name says nothing."""
    return kind != IMAGES or hashlib.sha256(content).hexdigest() == name.rpartition("/")[2]
