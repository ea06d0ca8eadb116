"""Seven hosts on this machine, in a short form: killed and cut off in turn; and nothing is left of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.network import REPOSITORY, can_have_hosts
from tests.interruptible import interruptible

END_SECONDS = 300.0
"""Of the whole; it takes a tenth of it on an idle machine."""
PROCESSES = 20
"""When so many run, hosts and what is on them are there."""
NETWORKS = Path("/sys/class/net")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def hosts_can_be_had() -> None:
    if not can_have_hosts():
        pytest.skip("no network namespaces can be made here, or there is no iproute2")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the hosts' temporary files are; of a short name."""
    return tmp_path_factory.mktemp("h")


@pytest.fixture
def networks() -> Iterator[None]:
    """The machine has after the test the network that it had before."""
    before = sorted(os.listdir(NETWORKS))
    yield
    assert sorted(os.listdir(NETWORKS)) == before


def started(folder: Path, only: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.hosts", "--only", only, "--scale", "0.01"],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=interruptible(),
    )


def processes_of(folder: Path) -> set[int]:
    """Those that were started with these temporary files, or are on a host whose disk is among them."""
    return {int(path.name) for path in Path("/proc").glob("[0-9]*") if names(path, folder)}


def names(process: Path, folder: Path) -> bool:
    """A process that has ended, or is not ours to look at, names nothing."""
    try:
        return str(folder).encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + END_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.mark.usefixtures("networks")
def test_hosts_when_they_are_killed_and_cut_off(folder: Path) -> None:
    """No job is lost, counted twice or answered otherwise; who is a stranger to the hosts gets nothing."""
    process = started(folder, "strangers,short")
    try:
        said, _ = process.communicate(timeout=END_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert processes_of(folder) == set()
    assert list(folder.glob("hosts-*")) == []


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_hosts_when_they_are_interrupted(number: signal.Signals, folder: Path) -> None:
    """No process, no network and no disk of them is left, whatever ended them; in order, no folder either."""
    process = started(folder, "nothing")
    try:
        wait_for(lambda: len(processes_of(folder)) >= PROCESSES)
        process.send_signal(number)
        assert process.wait(END_SECONDS) == {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}[number]
    finally:
        process.kill()
        process.communicate()
    wait_for(lambda: processes_of(folder) == set())
    if number is not signal.SIGKILL:
        assert list(folder.glob("hosts-*")) == []
