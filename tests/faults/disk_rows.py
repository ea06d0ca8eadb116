"""F10: the disk of the state folder is full while an image is stored, or while an adaptation saves its work.

The rounds run in a process that sees a small disk: a line to it begins one, and it answers with what it found.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.child_process import die_with_parent
from robustify.errors import RobustifyError
from tests.faults.judging import Findings
from tests.faults.lanes import Lane, running_lane
from tests.fuzz.runs import free_port
from tests.small_disk import can_mount, mounted

ROOT = Path(__file__).parents[2]
END_SECONDS = 30.0


@dataclass
class DiskLane(Lane):
    """A lane with a process that has a small disk."""

    process: subprocess.Popen[str] | None = None


def disk_lane(module: str, size: str) -> Callable[[Path, int], AbstractContextManager[Lane]]:
    """Makes lanes whose process runs a module of this folder on a disk of this size."""
    return partial(lane_with_disk, module, size)


@contextmanager
def lane_with_disk(module: str, size: str, folder: Path, seed: int) -> Iterator[Lane]:
    if not can_mount():
        raise RobustifyError("F10 needs a file system that cannot be mounted here: name the other rows with --only")
    with running_lane(folder, seed, port=free_port()) as lane:
        disk = folder / "disk"
        disk.mkdir()
        process = started(module, size, disk, lane)
        try:
            yield DiskLane(**vars(lane), process=process)
        finally:
            end(process)


def started(module: str, size: str, disk: Path, lane: Lane) -> subprocess.Popen[str]:
    command = [*mounted(disk, size), sys.executable, "-m", f"tests.faults.{module}"]
    arguments = [str(disk), lane.server.url, str(lane.settings.port), str(lane.rng.getrandbits(32))]
    with (lane.folder / "disk.log").open("a") as said:
        return subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            preexec_fn=die_with_parent(),
        )


def end(process: subprocess.Popen[str]) -> None:
    """When it has no more to read it ends what it has started, and then itself."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def disk_full(lane: Lane, found: Findings) -> None:
    """F10: one round."""
    assert isinstance(lane, DiskLane)
    assert lane.process is not None
    assert lane.process.stdin is not None
    assert lane.process.stdout is not None
    lane.process.stdin.write("go on\n")
    lane.process.stdin.flush()
    line = lane.process.stdout.readline()
    if not line:
        raise AssertionError((lane.folder / "disk.log").read_text()[-2000:])
    found.add(Findings(**json.loads(line)))


def answer_rounds(one_round: Callable[[Findings], None]) -> None:
    """What such a process does."""
    for _ in sys.stdin:
        found = Findings()
        one_round(found)
        print(json.dumps(vars(found)), flush=True)
