"""An instance of the service that strangers reach: one that runs somewhere, or one that is started from a checkout.

Only what every release has is used: the command line, the environment, HTTP, and what Linux tells of processes.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from adapters.child_process import die_with_parent
from tests.fuzz.runs import free_port

START_SECONDS = 90.0
STOP_SECONDS = 30.0
UP = "from workers.commands.cli import main; main()"
HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stack:
    """What is started: a profile, and settings other than the defaults. Checks with equal stacks may share one."""

    profile: str = "oracle-linear"
    settings: Mapping[str, str] = field(default_factory=dict)
    open_files: int | None = None
    workers: int = 1
    sign: str = "/readyz"
    """What answers 200 once the service can be asked."""
    shared: bool = True
    """False: the check harms the instance, and has one of its own."""

    @property
    def key(self) -> str:
        return f"{self.profile} {sorted(self.settings.items())} {self.open_files} {self.workers}"


@dataclass
class Instance:
    """`process` is `robustify up`; None, and no folder, where somebody else has started the service."""

    client: httpx.Client
    folder: Path | None = None
    checkout: Path = HERE
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return str(self.client.base_url).rstrip("/")

    @property
    def port(self) -> int:
        return self.client.base_url.port or 80

    @property
    def host(self) -> str:
        return self.client.base_url.host

    @property
    def state(self) -> Path:
        assert self.folder is not None, "only for an instance that was started here"
        return self.folder / "state"

    def said(self) -> str:
        """All that it has logged."""
        assert self.folder is not None
        return (self.folder / "said").read_text(errors="replace")

    def pid_of(self, part: str) -> int:
        """Of `api`, `worker` or `queue`."""
        signs = {"api": ("service", "uvicorn"), "worker": ("workers",), "queue": ("valkey-server", "redis-server")}
        assert self.process is not None
        for pid in children_of(self.process.pid):
            words = command_of(pid)
            if any(sign == word or word.endswith(f"/{sign}") or word.startswith(f"{sign}.") for sign in signs[part]
                   for word in words):  # fmt: skip
                return pid
        raise AssertionError(f"there is no process of {part}")

    def images(self) -> int:
        """How many are stored."""
        return sum(len(path.name) == 64 for path in (self.state / "images").rglob("*") if path.is_file())

    def wait_until_ready(self, sign: str = "/readyz") -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is None or self.process.poll() is None, f"it ended: {self.said()[-1000:]}"
            with suppress(httpx.TransportError):
                if self.client.get(sign).status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError(f"it was not ready after {START_SECONDS:g} s")

    def stop(self) -> None:
        """As an operator does."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def existing(address: str) -> Iterator[Instance]:
    with httpx.Client(base_url=address, timeout=120) as client:
        yield Instance(client)


@contextmanager
def started(stack: Stack, checkout: Path = HERE) -> Iterator[Instance]:
    """Ready to answer; in a folder of its own, which is gone afterwards."""
    with TemporaryDirectory(prefix="hostile-") as folder, launched(stack, Path(folder), checkout) as instance:
        instance.wait_until_ready(stack.sign)
        yield instance


@contextmanager
def launched(stack: Stack, folder: Path, checkout: Path = HERE) -> Iterator[Instance]:
    """Begun, in this folder."""
    port = free_port()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client, (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            command(stack, port, checkout),
            cwd=checkout,
            env=environment(stack, folder, checkout),
            stdout=said,
            stderr=said,
            preexec_fn=die_with_parent(),
        )
        instance = Instance(client, folder, checkout, process)
        try:
            yield instance
        finally:
            instance.stop()


def command(stack: Stack, port: int, checkout: Path) -> list[str]:
    own = checkout / ".venv" / "bin" / "python"
    python = own if own.is_file() else sys.executable
    up = [str(python), "-c", UP, "up", "--profile", stack.profile, "--port", str(port)]
    up += ["--workers", str(stack.workers)]
    return up if stack.open_files is None else ["prlimit", f"--nofile={stack.open_files}", *up]


def environment(stack: Stack, folder: Path, checkout: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ROBUSTIFY_")}
    ours = {"STATE_DIR": str(folder / "state"), "THREADS": "1", **stack.settings}
    return {**clean, "PYTHONPATH": str(checkout), **{f"ROBUSTIFY_{name}": value for name, value in ours.items()}}


def children_of(pid: int) -> list[int]:
    """Of a process and of those that it started, and so on."""
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *children_of(child)]
    return found


def command_of(pid: int) -> list[str]:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").replace("\0", " ").split()
        )
    except OSError:
        return []


def resident_bytes(pid: int, what: str = "VmRSS") -> int:
    """Memory of a process now; `VmHWM` for the most that it ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) << 10
    return 0


def send(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)
