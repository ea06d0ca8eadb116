"""The fault matrix: every fault with how often it is tried, and how."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.api_rows import api_killed, lane_with_worker
from tests.faults.clock_rows import clock_jumps, lane_with_clocks
from tests.faults.disk_rows import disk_full, disk_lane
from tests.faults.judging import Findings
from tests.faults.lanes import Lane, running_lane
from tests.faults.profile_rows import lane_with_profiles, profile_workers_killed
from tests.faults.queue_rows import away, lane_with_api, partitioned, server_killed
from tests.faults.tried import Tried
from tests.faults.worker_rows import delivered_again, frozen, killed_after_the_pop, killed_at_random

MakeLane = Callable[[Path, int], AbstractContextManager[Lane]]


@dataclass(frozen=True)
class Row:
    """A fault, tried `runs` times, in as many lanes side by side as there are at most.

    `needs`: what must have been counted at least once for the row to have shown anything.
    """

    name: str
    title: str
    runs: int
    lanes: int
    run: Callable[[Lane, Findings], None]
    make_lane: MakeLane = running_lane
    needs: str | None = None


ROWS = (
    Row("F1", "a worker is killed at a random point of a certificate", 300, 6, killed_at_random),
    Row("F2", "killed between pop and registration", 100, 10, killed_after_the_pop),
    Row("F3", "a worker is frozen, and goes on", 100, 6, frozen, needs="late commits refused"),
    Row("F4", "delivered up to six times, in another order", 300, 6, delivered_again),
    Row("F5", "the queue server is killed and started again", 100, 4, server_killed, lane_with_api),
    Row("F6-10", "the queue server is away for 10 s", 30, 15, away(10)),
    Row("F6-60", "the queue server is away for 60 s", 30, 30, away(60)),
    Row("F6-300", "the queue server is away for 300 s", 30, 30, away(300)),
    Row("F8", "the API is killed before it answers", 300, 4, api_killed, lane_with_worker),
    Row("F10-images", "the disk is full when an image is stored", 50, 2, disk_full, disk_lane("image_disk", "4m")),
    Row(
        "F10-adapt", "the disk is full when an adaptation saves its work", 50, 2, disk_full,
        disk_lane("adaptation_disk", "640m"), needs="saves that found the disk full",
    ),
    Row("F12", "a clock jumps by ten minutes or a day", 50, 4, clock_jumps, lane_with_clocks),
    Row("F13", "a worker is cut off while it computes", 100, 6, partitioned, needs="late commits refused"),
    Row("F14", "workers of two profiles behind one API are killed", 100, 4, profile_workers_killed, lane_with_profiles),
)  # fmt: skip
LONG = "F6-300"
"""Its runs wait five minutes each."""


def chosen(only: Sequence[str]) -> list[Row]:
    """The rows of these names, which may be short (`F6`); all when none is named."""
    return [row for row in ROWS if not only or row.name in only or row.name.partition("-")[0] in only]


def try_row(row: Row, scale: float, seed: int) -> Tried:
    """All runs of a row, some side by side; raises what was not foreseen."""
    started, runs = time.monotonic(), max(1, math.ceil(row.runs * scale))
    lanes = min(row.lanes, runs)
    shares = [runs // lanes + (number < runs % lanes) for number in range(lanes)]
    found = Findings()
    with TemporaryDirectory(prefix="faults-") as folder, ThreadPoolExecutor(lanes) as pool:
        tasks = [
            pool.submit(try_in_lane, row, Path(folder, str(number)), seed * 1000 + number, share)
            for number, share in enumerate(shares)
        ]
        for task in tasks:
            found.add(task.result())
    if row.needs is not None and found.runs >= 20 and not found.counts.get(row.needs):
        found.broken.append(f"not once: {row.needs}")
    return Tried(row, found, time.monotonic() - started)


def try_in_lane(row: Row, folder: Path, seed: int, runs: int) -> Findings:
    found = Findings()
    with row.make_lane(folder, seed) as lane:
        for _ in range(runs):
            row.run(lane, found)
            found.runs += 1
    return found
