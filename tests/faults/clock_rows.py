"""F12: the clock of one worker, or of the queue server, jumps while a job is worked on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.child_process import die_with_parent
from adapters.settings import Settings
from tests.faults.clocks import Clock, ClockedServer
from tests.faults.judging import Findings
from tests.faults.lanes import BATCH_SECONDS, JOB_SECONDS, Lane, running_lane
from workers.supervision.stack import environment_of

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "tests" / "integration" / "fault_injection_worker.py"
MINUTE, DAY = 60, 86400
JUMPS = (10 * MINUTE, -10 * MINUTE, DAY, -DAY, 0)
RETENTION_SECONDS = 4 * DAY
"""Longer than any jump: the lifetime of what has ended goes by the server's clock, and a jump over it ends it."""


@contextmanager
def lane_with_clocks(folder: Path, seed: int) -> Iterator[Lane]:
    """One of them is moved in each run: the server's, and then the other worker is killed; or that of one of two."""
    folder.mkdir(parents=True)
    server_clock = Clock(folder / "server-clock")

    def make_server(state: Path) -> ClockedServer:
        return ClockedServer(state, server_clock)

    with running_lane(folder, seed, make_server, retention_seconds=RETENTION_SECONDS) as lane:
        worker = clocked_worker(lane.settings, Clock(folder / "worker-clock"))
        try:
            lane.start_worker()
            lane.wait(lambda: len(lane.board.workers()) == 2)
            yield lane
        finally:
            worker.kill()
            worker.wait()


def clocked_worker(settings: Settings, clock: Clock) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **environment_of(settings), **clock.environment, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(WORKER), "--batch-seconds", str(BATCH_SECONDS)]
    with (settings.state_dir.parent / "clocked.log").open("ab") as said:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=said, stderr=said, preexec_fn=die_with_parent()
        )


def clock_jumps(lane: Lane, found: Findings) -> None:
    """To ten minutes or a day from the true time, or back to it; one second after the other may be in another place."""
    jobs = [lane.submit(), lane.submit(n=200)]
    time.sleep(lane.rng.uniform(0, JOB_SECONDS))
    whose = lane.rng.choice(("server", "worker"))
    (seconds,) = lane.rng.choices(JUMPS, weights=(2, 2, 2, 2, 1))
    Clock(lane.folder / f"{whose}-clock").jump(seconds)
    jumped = time.monotonic()
    if whose == "server":
        # What it held must be noticed by a clock that has jumped.
        lane.end(lane.processes[0])
        lane.start_worker()
    lane.wait(lambda: all(lane.is_done(job) for job in jobs))
    found.seconds.append(time.monotonic() - jumped)
    found.count(f"jumps of the {whose}")
    if len(lane.board.workers()) != 2:
        lane.wait(lambda: len(lane.board.workers()) == 2, 30)
        found.count("workers not seen for a while")
    if len(lane.board.workers()) != 2:
        found.broken.append(f"a worker is gone after a jump of the {whose}'s clock")
    for job in jobs:
        found.judge(lane, job)
