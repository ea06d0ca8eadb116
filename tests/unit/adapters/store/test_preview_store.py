"""The pictures of previews on disk."""

import os
import time
from pathlib import Path

import pytest

from adapters.contract.results import PictureName
from adapters.store.previews import KEPT, PreviewStore

IMAGE, OTHER_IMAGE = "0f" * 32, "1f" * 32
NOISY = PictureName.NOISY


@pytest.fixture
def store(tmp_path: Path) -> PreviewStore:
    return PreviewStore(tmp_path / "previews")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_picture_when_it_is_kept(store: PreviewStore) -> None:
    """It is read by its owner, job, image and name, and by no others."""
    store.keep("", "job1", IMAGE, {NOISY: b"png"})
    assert store.get("", "job1", IMAGE, NOISY) == b"png"
    for owner, job, image, name in [
        ("key", "job1", IMAGE, NOISY), ("", "job2", IMAGE, NOISY), ("", "job1", OTHER_IMAGE, NOISY),
        ("", "job1", IMAGE, PictureName.CANONICAL),
    ]:  # fmt: skip
        assert store.get(owner, job, image, name) is None


def test_pictures_when_there_are_many(store: PreviewStore, tmp_path: Path) -> None:
    """An owner keeps those of the latest previews; what another has stays."""
    store.keep("other", "job0", IMAGE, {NOISY: b"theirs"})
    for number in range(KEPT + 20):
        store.keep("key", f"job{number}", IMAGE, {NOISY: b"png"})
        picture = tmp_path / "previews" / "key" / f"job{number}.{IMAGE}" / "noisy.png"
        os.utime(picture, (number, number))
    assert len(files(tmp_path)) == KEPT + 1
    assert store.get("key", "job19", IMAGE, NOISY) is None
    assert store.get("key", f"job{KEPT + 19}", IMAGE, NOISY) == b"png"
    assert store.get("other", "job0", IMAGE, NOISY) == b"theirs"


def test_pictures_when_they_are_forgotten(store: PreviewStore, tmp_path: Path) -> None:
    """Those of one job, or of all jobs about an image, of this owner alone; twice does no harm."""
    for owner, job, image in [("", "a", IMAGE), ("", "b", IMAGE), ("", "c", OTHER_IMAGE), ("key", "d", IMAGE)]:
        store.keep(owner, job, image, {NOISY: b"png"})
    for _ in range(2):
        store.forget("", "a")
    assert len(files(tmp_path)) == 3
    for _ in range(2):
        store.forget_image("", IMAGE)
    assert store.get("", "c", OTHER_IMAGE, NOISY) == b"png"
    assert store.get("key", "d", IMAGE, NOISY) == b"png"
    assert len(files(tmp_path)) == 2


def test_pictures_when_their_time_is_over(store: PreviewStore, tmp_path: Path) -> None:
    """They are found by their age, and removed with the folders that are empty then."""
    store.keep("", "old", IMAGE, {NOISY: b"png"})
    store.keep("", "new", IMAGE, {NOISY: b"png"})
    (old,) = (tmp_path / "previews").rglob("old.*/*.png")
    long_ago = time.time() - 1000
    os.utime(old, (long_ago, long_ago))
    (found,) = store.older_than(500)
    assert found.name == f"keyless/old.{IMAGE}/noisy.png"
    store.remove(found)
    assert [path.name for path in (tmp_path / "previews" / "keyless").iterdir()] == [f"new.{IMAGE}"]


@pytest.mark.parametrize("job", ["../a", "a/b", "", "A", "a" * 65, "a.b", "*"])
def test_job_when_it_is_no_id(store: PreviewStore, job: str) -> None:
    """It never becomes a path."""
    with pytest.raises(ValueError, match="names no preview"):
        store.get("", job, IMAGE, NOISY)
    with pytest.raises(ValueError, match="names no preview"):
        store.forget("", job)
    with pytest.raises(ValueError, match="names no preview"):
        store.keep("../key", "a", IMAGE, {})
