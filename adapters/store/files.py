"""Canonical tensors on disk, named by their digest."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

import numpy as np

from robustify.errors import StoredImageError

NAME = re.compile(r"[0-9a-f]{64}")
CHANNELS = 3
NUMBER = np.dtype("<f4")


class ImageStore:
    """A folder of canonical tensors (3, H, W). A file holds what its name is the sha256 of: see `encode`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, tensor: np.ndarray) -> str:
        """Stores a tensor for good before it returns its digest; storing it again changes nothing."""
        content = encode(tensor)
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, content)
        return sha256

    def get(self, sha256: str) -> np.ndarray:
        """The tensor of that digest, checked against it. Raises StoredImageError when it is missing or damaged."""
        try:
            content = self._path(sha256).read_bytes()
        except OSError as error:
            raise StoredImageError(f"image {sha256} is not in the store: upload it again") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoredImageError(f"image {sha256} is damaged in the store: upload it again")
        return decode(content)

    def _path(self, sha256: str) -> Path:
        if not NAME.fullmatch(sha256):
            raise StoredImageError("an image is named by its sha256: 64 hexadecimal digits")
        return self._root / sha256[:2] / sha256


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


def write_durably(path: Path, content: bytes) -> None:
    """Nobody ever sees a part of the file, and it survives a power cut."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
