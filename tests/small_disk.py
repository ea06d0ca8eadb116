"""A disk that gets full: a small file system of memory, in a mount namespace of one process and its children."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'


def run_on_small_disk(
    folder: Path, size: str, script: str, *arguments: str, cwd: Path
) -> subprocess.CompletedProcess[str]:
    """What a Python script prints that sees a file system of that size at `folder`, which is its first argument."""
    if not can_mount():
        pytest.skip("no file system can be mounted here, not even in a namespace of one's own")
    return subprocess.run(
        [*mounted(folder, size), sys.executable, "-c", script, str(folder), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


@cache
def can_mount() -> bool:
    try:
        return subprocess.run([*mounted(Path("/mnt"), "1m"), "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def mounted(folder: Path, size: str) -> list[str]:
    """The beginning of a command."""
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, size, str(folder)]


def fill(folder: Path) -> Path:
    """Leaves not a byte free on the disk of a folder; returns the file to delete to have room again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return filler
