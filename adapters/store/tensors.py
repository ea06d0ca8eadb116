"""Canonical tensors on disk, named by their digest."""

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import numpy as np

from adapters.durable_files import locked, sync, write_durably, write_whole
from adapters.store.walking import files_below
from robustify.errors import StoredImageError

NAME = re.compile(r"[0-9a-f]{64}")
CHANNELS = 3
NUMBER = np.dtype("<f4")
PROBE = ".probe"
LOCKS = ".locks"


class ImageStore:
    """A folder of canonical tensors (3, H, W). A file holds what its name is the sha256 of: see `encode`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, tensor: np.ndarray) -> str:
        """Stores a tensor for good before it returns its digest; storing it again changes nothing."""
        sha256 = self.place(tensor)
        self.make_durable(sha256)
        return sha256

    def place(self, tensor: np.ndarray) -> str:
        """Lets others read a tensor, by the digest that it returns; a power cut may still take it."""
        content = encode(tensor)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        with self._locked(sha256):
            if not is_whole(path, content):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
        return sha256

    def make_durable(self, sha256: str) -> None:
        """What was placed survives a power cut from here on."""
        path = self._path(sha256)
        sync(path)
        sync(path.parent)

    def remove(self, sha256: str, is_unwanted: Callable[[], bool]) -> bool:
        """Removes a tensor if nobody wants it: no other process stores it between the question and the removal."""
        path = self._path(sha256)
        with self._locked(sha256):
            if not is_unwanted():
                return False
            path.unlink(missing_ok=True)
            with suppress(OSError):  # Others are in the folder, or there was none.
                path.parent.rmdir()
            return True

    def older_than(self, seconds: float) -> Iterator[str]:
        """The tensors that were stored so long ago."""
        limit = time.time() - seconds
        for path in files_below(self._root):
            with suppress(FileNotFoundError):
                if NAME.fullmatch(path.name) and path.stat().st_mtime < limit:
                    yield path.name

    def get(self, sha256: str) -> np.ndarray:
        """The tensor of that digest, checked against it. Raises StoredImageError when it is missing or damaged."""
        try:
            content = self._path(sha256).read_bytes()
        except OSError as error:
            raise StoredImageError(f"image {sha256} is not in the store: upload it again") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoredImageError(f"image {sha256} is damaged in the store: upload it again")
        return decode(content)

    def check(self, side: int, min_free_bytes: int) -> None:
        """Raises OSError unless a tensor (3, side, side) can be stored now and the disk has so many bytes free."""
        self._root.mkdir(parents=True, exist_ok=True)
        probe = self._root / PROBE
        # Random, since a disk that compresses has room for zeros when it has none for images.
        write_durably(probe, os.urandom(CHANNELS * side * side * NUMBER.itemsize))
        probe.unlink(missing_ok=True)
        self.check_room(min_free_bytes)

    def check_room(self, min_free_bytes: int) -> None:
        """Raises OSError unless the disk has so many bytes free."""
        if not self._root.is_dir():
            self._root.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(self._root).free) < min_free_bytes:
            raise OSError(errno.ENOSPC, f"the disk of the image store has {free} bytes free, under {min_free_bytes}")

    def _locked(self, sha256: str) -> AbstractContextManager[None]:
        """One of 256 locks, so that nobody waits for others' images."""
        return locked(self._root / LOCKS / sha256[:2])

    def _path(self, sha256: str) -> Path:
        if not NAME.fullmatch(sha256):
            raise StoredImageError("an image is named by its sha256: 64 hexadecimal digits")
        return self._root / sha256[:2] / sha256


def is_whole(path: Path, content: bytes) -> bool:
    """Whether a file is there and holds this."""
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def stored_bytes(height: int, width: int) -> int:
    """What a canonical tensor of this size takes on disk, but for its header."""
    return CHANNELS * height * width * NUMBER.itemsize


def tensor_digest(tensor: np.ndarray) -> str:
    """The sha256 that names a canonical tensor."""
    return hashlib.sha256(encode(tensor)).hexdigest()


def encode(tensor: np.ndarray) -> bytes:
    """The line `3xHxW` and the values as little-endian float32, channel by channel and row by row."""
    if tensor.dtype != np.float32 or tensor.ndim != 3 or tensor.shape[0] != CHANNELS:
        raise ValueError(f"a canonical tensor is float32 of shape (3, H, W), not {tensor.dtype} of {tensor.shape}")
    return "x".join(map(str, tensor.shape)).encode() + b"\n" + tensor.astype(NUMBER).tobytes(order="C")


def decode(content: bytes) -> np.ndarray:
    """The tensor (3, H, W), float32, that `encode` made the bytes from."""
    header, _, values = content.partition(b"\n")
    shape = tuple(map(int, header.split(b"x")))
    return np.frombuffer(values, dtype=NUMBER).reshape(shape).astype(np.float32)
