"""Commands that are told to stop while they have processes and temporary folders."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interruptible import interruptible

WaitUntil = Callable[..., None]

PROC = Path("/proc")
IMAGES = Path(__file__).parents[1] / "data" / "cifar10"
ROBUSTIFY = Path(sys.executable).with_name("robustify")
EVALUATE = ("evaluate", "TWO_CLASSES", "--profile", "oracle-linear", "--n", "100000", "--workers", "2")
STOP_SECONDS = 60.0

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="the processes are found in /proc")


@pytest.mark.parametrize(
    ("command", "processes", "number", "code"),
    [
        (("demo",), 3, signal.SIGTERM, 143),
        (("demo",), 3, signal.SIGINT, 130),
        (("selftest", "--images", "2000", "--workers", "2"), 3, signal.SIGTERM, 143),
        (EVALUATE, 3, signal.SIGTERM, 143),
    ],
    ids=["demo-SIGTERM", "demo-SIGINT", "selftest-SIGTERM", "evaluate-SIGTERM"],
)
def test_a_signal(
    command: tuple[str, ...],
    processes: int,
    number: int,
    code: int,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    wait_until: WaitUntil,
) -> None:
    """It ends with the exit code of shells, and leaves no process and no temporary file."""
    # Of a short name: there are sockets in it.
    temporary, folder = tmp_path_factory.mktemp("t"), two_classes(tmp_path / "two")
    arguments = [str(folder) if word == "TWO_CLASSES" else word for word in command]
    robustify = subprocess.Popen(
        [ROBUSTIFY, *arguments],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary), "ROBUSTIFY_STATE_DIR": str(tmp_path / "state")},
        stdout=subprocess.DEVNULL,
        preexec_fn=interruptible(),
    )
    try:
        wait_until(lambda: len(descendants(robustify.pid)) >= processes)
        started = descendants(robustify.pid)
        robustify.send_signal(number)
        assert robustify.wait(STOP_SECONDS) == code
    finally:
        robustify.kill()
        robustify.wait()
    wait_until(lambda: not any(map(is_running, started)), STOP_SECONDS)
    assert list(temporary.glob("robustify*")) == []  # The model libraries leave folders of their own.


def two_classes(folder: Path) -> Path:
    """A data set for the oracles."""
    for name in ("cat", "dog"):
        shutil.copytree(IMAGES / name, folder / name)
    return folder


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    children = [
        int(child) for path in PROC.glob(f"{pid}/task/*/children") for child in path.read_text(encoding="ascii").split()
    ]
    return [*children, *(further for child in children for further in descendants(child))]


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended; who inherits an orphan may not have looked after it yet."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
