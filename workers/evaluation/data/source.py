"""What a reader of one layout gives: names and labels of all its images, and the bytes of one when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from robustify.errors import UnreadableImageError
from workers.evaluation.data.dataset import ClassOfFolder, LeftOut

NOT_THERE = "The file is not there: restore it."
OUTSIDE = "The file lies outside of the data set: name files by their path in it."
MAX_FILE_BYTES = 256 * 2**20
"""More than any picture that is taken has."""
TOO_MANY_BYTES = f"The file has over {MAX_FILE_BYTES // 2**20} MiB: no picture that is taken is so large."
CANNOT_BE_READ = "The file cannot be read: look at its rights, and at the disk."


@dataclass(frozen=True)
class Listing:
    """The images of a set by their positions, and what was left out of them. `takes_turns`: whether its order is every
    class in turn; it is its own otherwise. `layout`: how it was read, for people.
    """

    names: Sequence[str]
    labels: Sequence[int]
    class_names: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    classes: tuple[ClassOfFolder, ...] = ()
    notes: tuple[str, ...] = ()
    takes_turns: bool = False
    layout: str = "files"


class Source(Protocol):
    """A listing, and where its bytes are."""

    @property
    def listing(self) -> Listing: ...

    def size(self, position: int) -> int:
        """In bytes, without reading them; 0 where there is nothing."""
        ...

    def read(self, position: int) -> bytes:
        """The bytes of one picture's file. Raises UnreadableImageError where it cannot be read."""
        ...


@dataclass(frozen=True)
class FileSource:
    """Files of their own in a folder; names are their paths in it."""

    folder: Path
    listing: Listing

    def size(self, position: int) -> int:
        try:
            return self.path(position).stat().st_size
        except (OSError, UnreadableImageError):
            return 0

    def read(self, position: int) -> bytes:
        try:
            path = self.path(position)
            if path.stat().st_size > MAX_FILE_BYTES:
                raise UnreadableImageError(TOO_MANY_BYTES)
            return path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise UnreadableImageError(NOT_THERE) from None
        except (OSError, ValueError):
            raise UnreadableImageError(CANNOT_BE_READ) from None

    def path(self, position: int) -> Path:
        """Raises UnreadableImageError for one that a list names outside of the folder."""
        name = Path(self.listing.names[position])
        if name.is_absolute() or ".." in name.parts:
            raise UnreadableImageError(OUTSIDE)
        return self.folder / name
