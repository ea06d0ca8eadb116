"""Canonical tensors as they are stored, named by their digest."""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from adapters.store.folder import objects_in
from adapters.store.objects import Entry, Objects
from robustify.errors import StoredImageError, StoreUnavailableError

NAME = re.compile(r"[0-9a-f]{64}")
CHANNELS = 3
NUMBER = np.dtype("<f4")


class ImageStore:
    """Canonical tensors (3, H, W). What is stored under a name is what the name is the sha256 of: see `encode`."""

    def __init__(self, place: Path | Objects) -> None:
        self._objects = objects_in(place)

    def put(self, tensor: np.ndarray) -> str:
        """Stores a tensor for good before it returns its digest; storing it again changes nothing."""
        sha256 = self.place(tensor)
        self.make_durable(sha256)
        return sha256

    def place(self, tensor: np.ndarray) -> str:
        """Lets others read a tensor, by the digest that it returns; a power cut may still take it."""
        content = encode(tensor)
        sha256 = hashlib.sha256(content).hexdigest()
        name = name_of(sha256)
        with self._objects.exclusive(name):
            if not self._objects.create(name, content) and self._objects.read(name, again=True) != content:
                self._objects.write(name, content)
        return sha256

    def make_durable(self, sha256: str) -> None:
        """What was placed survives a power cut from here on."""
        self._objects.make_durable(name_of(sha256))

    def remove(self, sha256: str, is_unwanted: Callable[[], bool]) -> bool:
        """Removes a tensor if nobody wants it.

        No other process of this machine stores it between the question and the removal; whoever answers the question
        keeps those of other machines from beginning on it meanwhile.
        """
        name = name_of(sha256)
        with self._objects.exclusive(name):
            if not is_unwanted():
                return False
            self._objects.remove(name)
            return True

    def older_than(self, seconds: float) -> Iterator[Entry]:
        """The tensors that were stored so long ago; `sha256_of` names each."""
        limit = time.time() - seconds
        return (
            entry for entry in self._objects.entries() if NAME.fullmatch(sha256_of(entry)) and entry.modified_at < limit
        )

    def get(self, sha256: str) -> np.ndarray:
        """The tensor of that digest, checked against it. Raises StoredImageError when it is missing or damaged."""
        content = self._content(sha256, again=False)
        if hashlib.sha256(content).hexdigest() != sha256:
            content = self._content(sha256, again=True)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoredImageError(f"image {sha256} is damaged in the store: upload it again")
        return decode(content)

    def check(self, side: int, min_free_bytes: int) -> None:
        """Raises OSError unless a tensor (3, side, side) can be stored now and the disk has so many bytes free."""
        # Random, since a disk that compresses has room for zeros when it has none for images.
        self._objects.check(os.urandom(CHANNELS * side * side * NUMBER.itemsize), min_free_bytes)

    def check_room(self, min_free_bytes: int) -> None:
        """Raises OSError unless the disk has so many bytes free."""
        self._objects.check_room(min_free_bytes)

    def _content(self, sha256: str, again: bool) -> bytes:
        missing = StoredImageError(f"image {sha256} is not in the store: upload it again")
        try:
            content = self._objects.read(name_of(sha256), again)
        except StoreUnavailableError:
            raise
        except OSError as error:
            raise missing from error
        if content is None:
            raise missing
        return content


def name_of(sha256: str) -> str:
    """Where a tensor is stored. Raises StoredImageError for what is no digest."""
    if not NAME.fullmatch(sha256):
        raise StoredImageError("an image is named by its sha256: 64 hexadecimal digits")
    return f"{sha256[:2]}/{sha256}"


def sha256_of(entry: Entry) -> str:
    return entry.name.rpartition("/")[2]


def stored_bytes(height: int, width: int) -> int:
    """What a canonical tensor of this size takes, but for its header."""
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
