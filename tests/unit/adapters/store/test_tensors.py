"""Canonical tensors on disk: what comes back is what was put, or nothing."""

import errno
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from adapters.store.tensors import ImageStore, tensor_digest
from robustify.errors import StoredImageError


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def tensor(seed: int = 0, height: int = 5, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).random((3, height, width), dtype=np.float32)


def stored_files(root: Path) -> list[Path]:
    """All but the locks, which are empty."""
    return [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"]


def test_put_and_get(store: ImageStore) -> None:
    """The same values to the last bit, whatever their order in memory; NaN and -0.0 too."""
    image = tensor()
    image[0, 0, :2] = np.nan, -0.0
    for layout in (image, np.asfortranarray(image), image.astype(">f4").astype("<f4")):
        back = store.get(store.put(layout))
        assert back.dtype == np.float32
        assert back.shape == (3, 5, 4)
        assert back.tobytes() == image.tobytes()


def test_the_name(store: ImageStore, tmp_path: Path) -> None:
    """It is the sha256 of the line with the shape and the little-endian values, and of the file itself."""
    image = tensor()
    sha256 = store.put(image)
    assert sha256 == tensor_digest(image)
    assert sha256 == hashlib.sha256(b"3x5x4\n" + image.astype("<f4").tobytes()).hexdigest()
    (file,) = stored_files(tmp_path)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    assert tensor_digest(image.reshape(3, 4, 5)) != sha256


def test_the_same_tensor_in_parallel(store: ImageStore, tmp_path: Path) -> None:
    """One file, no matter how often and by how many it is put."""
    with ThreadPoolExecutor(8) as threads:
        names = set(threads.map(lambda _: store.put(tensor()), range(32)))
    assert len(names) == 1
    assert len(stored_files(tmp_path)) == 1


def test_the_disk_is_full(store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is told, and no part of a file is left."""

    def refuse(old: str, new: str) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="no space"):
        store.put(tensor())
    assert stored_files(tmp_path) == []


def test_check_when_a_tensor_does_not_fit(tmp_path: Path) -> None:
    """A disk that takes a few kilobytes is not enough; nothing is left of the attempt."""
    script = f"""
import pathlib, resource
from adapters.store.tensors import ImageStore
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    ImageStore(pathlib.Path({str(tmp_path)!r})).check(32, 0)
except OSError as error:
    print(error.strerror)
"""
    finished = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert finished.stdout.strip() == os.strerror(errno.EFBIG)
    assert stored_files(tmp_path) == []


def test_check_when_too_little_is_free(store: ImageStore, tmp_path: Path) -> None:
    """The operator is told how much there is; with enough, nothing is said and nothing left."""
    store.check(32, 0)
    assert stored_files(tmp_path) == []
    with pytest.raises(OSError, match="bytes free, under 1152921504606846976"):
        store.check(32, 1 << 60)


def test_missing(store: ImageStore) -> None:
    """StoredImageError."""
    with pytest.raises(StoredImageError, match="not in the store"):
        store.get("0" * 64)


@pytest.mark.parametrize("damage", [b"", b"3x5x4\n", b"\0" * 100])
def test_damaged(store: ImageStore, tmp_path: Path, damage: bytes) -> None:
    """StoredImageError until it is put again."""
    image = tensor()
    sha256 = store.put(image)
    (file,) = stored_files(tmp_path)
    file.write_bytes(damage)
    with pytest.raises(StoredImageError, match="damaged"):
        store.get(sha256)
    assert store.put(image) == sha256
    assert np.array_equal(store.get(sha256), image)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_name_that_is_no_digest(store: ImageStore, name: str) -> None:
    """It never becomes a path."""
    with pytest.raises(StoredImageError, match="sha256"):
        store.get(name)


@pytest.mark.parametrize("image", [np.zeros((3, 4, 4)), np.zeros((4, 4), np.float32), np.zeros((1, 4, 4), np.float32)])
def test_no_canonical_tensor(store: ImageStore, image: np.ndarray) -> None:
    """A programming error, and nothing is stored."""
    with pytest.raises(ValueError, match="float32 of shape"):
        store.put(image)
