"""Copies on this machine's disk: within their bound, and needed by nobody."""

import os
import time
from pathlib import Path

import pytest

from adapters.durable_files import TEMPORARY_PREFIX
from adapters.store.disk_cache import DiskCache

BOUND = 16_000


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", BOUND)


def used(cache: DiskCache, name: str, seconds_ago: float) -> None:
    os.utime(cache.root / name, (time.time() - seconds_ago,) * 2)


def held(cache: DiskCache) -> set[str]:
    return {path.name for path in cache.root.iterdir()}


def test_copy_when_it_is_there(cache: DiskCache) -> None:
    """It is read; one that was dropped is not."""
    assert cache.read("one") is None
    cache.write("one", b"content")
    assert cache.read("one") == b"content"
    cache.drop("one")
    cache.drop("one")
    assert cache.read("one") is None


def test_copies_when_there_is_no_room(cache: DiskCache) -> None:
    """Those that were used longest ago go, and what is there takes no more than the bound."""
    for number in range(40):
        cache.write(f"{number:02}", bytes(1000))
        used(cache, f"{number:02}", 100 - number)
        cache.read("00")
    assert sum(path.stat().st_size for path in cache.root.iterdir()) <= BOUND
    assert {"00", "39"} <= held(cache)
    assert "01" not in held(cache)


def test_folder_when_there_is_no_room(cache: DiskCache) -> None:
    """It goes whole, and counts with all that is in it."""
    folder = cache.root / "folder" / "inner"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(bytes(BOUND))
    used(cache, "folder", 100)
    cache.write("new", bytes(2000))
    assert held(cache) == {"new"}


def test_copy_that_is_larger_than_the_bound(cache: DiskCache) -> None:
    """It is not kept, and takes nothing else's place."""
    cache.write("small", b"x")
    cache.write("large", bytes(BOUND + 1))
    assert held(cache) == {"small"}


def test_copy_when_the_disk_takes_none(tmp_path: Path) -> None:
    """Nothing is said: what is needed is fetched again."""
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    cache = DiskCache(tmp_path / "cache", BOUND)
    cache.write("one", b"content")
    assert cache.read("one") is None


def test_left_over_when_a_process_died(cache: DiskCache) -> None:
    """What it had begun to write goes once it has lain still; what is being written stays."""
    cache.write("one", b"x")
    for name, seconds_ago in (("old", 7200.0), ("new", 1.0)):
        (cache.root / f"{TEMPORARY_PREFIX}{name}").write_bytes(bytes(10))
        used(cache, f"{TEMPORARY_PREFIX}{name}", seconds_ago)
    cache.note_added(BOUND)
    assert held(cache) == {"one", f"{TEMPORARY_PREFIX}new"}
