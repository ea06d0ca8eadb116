"""STL-10's binary files as torchvision unpacks them: one of all pictures, of which one at a time is read."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from robustify.errors import InvalidInputError, UnreadableImageError
from workers.evaluation.data.source import CANNOT_BE_READ, Listing

FOLDER = "stl10_binary"
SIDE, CHANNELS = 96, 3
IMAGE_BYTES = CHANNELS * SIDE * SIDE


@dataclass(frozen=True)
class Stl10Source:
    """Pictures by their number in the file; the bytes that are handed out are those of a BMP of one."""

    file: Path
    listing: Listing

    def size(self, position: int) -> int:
        return IMAGE_BYTES

    def read(self, position: int) -> bytes:
        try:
            with self.file.open("rb") as file:
                file.seek(position * IMAGE_BYTES)
                data = file.read(IMAGE_BYTES)
        except OSError:
            raise UnreadableImageError(CANNOT_BE_READ) from None
        if len(data) < IMAGE_BYTES:
            raise UnreadableImageError(f"{self.file.name} ends before this picture: restore it.")
        return as_bmp(data)


def stl10(root: Path, split: str) -> Stl10Source:
    """Raises InvalidInputError where the files are not there."""
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    file, labels, names = folder / f"{split}_X.bin", folder / f"{split}_y.bin", folder / "class_names.txt"
    if missing := [path.name for path in (file, labels, names) if not path.is_file()]:
        raise InvalidInputError(f"STL10 needs {', '.join(missing)} in {FOLDER}: bring them there", field="dataset")
    found = labels_in(labels)
    shown = [f"{file.name}#{number}" for number in range(len(found))]
    listing = Listing(shown, found, class_names_in(names), layout=f"STL-10, {split}")
    return Stl10Source(file, listing)


def labels_in(path: Path) -> Sequence[int]:
    """The file counts classes from 1."""
    return [label - 1 for label in path.read_bytes()]


def class_names_in(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8").split())


def as_bmp(data: bytes) -> bytes:
    """A picture whose pixels are stored by channel and column."""
    pixels = np.frombuffer(data, np.uint8).reshape(CHANNELS, SIDE, SIDE).transpose(2, 1, 0)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "BMP")
    return buffer.getvalue()
