"""The seam of all that is stored: named bytes, in a folder of this machine or in an object store.

Above it are tensors, outcomes, tasks and adaptations, which know neither a path nor a protocol of a vendor. A name is a
path of plain parts with slashes between. Whatever cannot be done raises an OSError: `StoreUnavailableError` where the
store is away, the disk's own where a folder fails.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """What a list says of something stored. `modified_at`: seconds since the epoch."""

    name: str
    size: int
    modified_at: float


@dataclass(frozen=True)
class Versioned:
    """What stands under a name, and what tells it from all that stood there before; None where nothing does."""

    content: bytes | None
    version: str | None


class Objects(Protocol):
    """Every method may be called from several processes and hosts at once."""

    def below(self, name: str) -> "Objects":
        """The same, of the names that begin with this one."""
        ...

    def read(self, name: str, again: bool = False) -> bytes | None:
        """What stands there; `again`: from the store itself, since a copy of it was found wrong."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Stores what was not there; False where something is, which stays. It may need `make_durable`."""
        ...

    def make_durable(self, name: str) -> None:
        """What was created survives a power cut from here on."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Stores for good, in place of whatever stands there."""
        ...

    def versioned(self, name: str) -> Versioned:
        """What stands there now, to be changed by `replace`."""
        ...

    def replace(self, name: str, content: bytes | None, version: str | None) -> bool:
        """Stores for good, or removes where there is no content, if what stands there is still of that version.

        Whether it is done; it may be where another has just stored the very same.
        """
        ...

    def remove(self, name: str) -> None:
        """Nothing stands there from here on; harmless where nothing does."""
        ...

    def entries(self, deep: bool = True) -> Iterator[Entry]:
        """All that is stored, in no order, but for what vanishes meanwhile. Not `deep`: no names with slashes."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """While the block runs, no process is in such a block for the name; in an object store nothing is locked."""
        ...

    def check(self, probe: bytes, min_free_bytes: int) -> None:
        """Raises OSError unless so much can be stored now, with so many bytes of disk free beside it."""
        ...

    def check_room(self, min_free_bytes: int) -> None:
        """Raises OSError unless so many bytes of disk are free; writes nothing."""
        ...
