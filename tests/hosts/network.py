"""Hosts on one machine: each has a network, processes, a disk and a name of its own; a switch joins them.

1. The process that starts them has a network of its own too, in which the switch is. Nothing of all this is in the
   machine's own network, and nothing has to be removed from it.
2. A host's first process reads from a pipe until that is closed. When it ends, the kernel ends all other processes of
   the host, and its network goes. So a host ends with the process that started it, whatever ended that.
3. Its disk is in memory, and no other host can see it: it is mounted over the folder of all hosts.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from adapters.child_process import end_with

REPOSITORY = Path(__file__).parents[2]
NETWORK = "10.77.0"
SWITCH = "switch0"
MARK, WITH_PARENT = "ROBUSTIFY_TESTS_HAVE_A_NETWORK", "and end with the parent"
PR_GET_PDEATHSIG = 2
ENTER = ("unshare", "--map-root-user", "--net")
SPACES = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
FIRST_PROCESS = 'hostname "$0" && mount -t tmpfs none "$1" && ip link set dev lo up && echo ready && exec cat'


@cache
def can_have_hosts() -> bool:
    """Whether such spaces may be made here."""
    commands = "ip link add name switch0 type bridge && ip link add name a type veth peer name b"
    tried = [*ENTER, "unshare", *SPACES, "sh", "-c", f"{commands} && {FIRST_PROCESS}", "host", "/mnt"]
    try:
        return subprocess.run(tried, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def enter_a_network() -> None:
    """From here on this process has a network of its own: it begins once more, as the same process."""
    if MARK not in os.environ:
        command = [*ENTER, sys.executable, *sys.orig_argv[1:]]
        os.execvpe(command[0], command, {**os.environ, MARK: WITH_PARENT if ends_with_parent() else "yes"})
    if os.environ[MARK] == WITH_PARENT:
        end_with(os.getppid())


def ends_with_parent() -> bool:
    """Whether the kernel was asked for that; it forgets it where the right to make a network comes in."""
    asked = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(asked))
    return asked.value != 0


@dataclass
class Host:
    """`number`: the last part of its address. A host that was killed can be started again, with an empty disk."""

    name: str
    number: int
    folder: Path
    """Where its disk is, in its own eyes."""
    said: Path
    """What its processes say, in the eyes of who started it."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    first: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self.first is not None
        return children_of(self.first.pid)[0]

    @property
    def disk(self) -> Path:
        """Its disk, in the eyes of who started it."""
        return Path(f"/proc/{self.pid}/root{self.folder}")

    def boot(self) -> None:
        """With an empty disk, and without a process but the first."""
        command = ["unshare", *SPACES, "sh", "-c", FIRST_PROCESS, self.name, str(self.folder)]
        with self.said.open("ab") as said:
            self.first = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, process_group=0
            )
        assert self.first.stdout is not None
        if self.first.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the host {self.name} does not start")
        mac = f"02:00:00:00:00:{self.number:02x}"
        with suppress(subprocess.CalledProcessError):  # That of the host before may not have gone yet.
            run("ip", "link", "del", "dev", self.name)
        peer = ("peer", "name", "eth0", "address", mac, "netns", str(self.pid))
        run("ip", "link", "add", "name", self.name, "type", "veth", *peer)
        run("ip", "link", "set", "dev", self.name, "master", SWITCH, "up")
        self.run("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.run("ip", "link", "set", "dev", "eth0", "up")

    def run(self, *command: str) -> None:
        run(*self._inside(), *command)

    def start(self, *command: str, settings: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A process of the host, in the repository, whose temporary files are on the host's disk."""
        ours = {"TMPDIR": str(self.folder), "HOME": str(self.folder), "PYTHONPATH": str(REPOSITORY)}
        with self.said.open("ab") as said:
            process = subprocess.Popen(
                [*self._inside(), "env", "--chdir", str(REPOSITORY), *command],
                env={**os.environ, "OMP_NUM_THREADS": "1", **ours, **(settings or {})},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                process_group=0,
            )
        self.processes.append(process)
        return process

    def kill(self) -> None:
        """The whole host at once, as a power cut does."""
        self.strike()
        self.bury()

    def strike(self) -> None:
        """Ends its first process; the kernel does the rest."""
        if self.first is not None:
            with suppress(IndexError, ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def bury(self) -> None:
        """Returns when nothing of it is left."""
        if self.first is None:
            return
        for process in (self.first, *self.processes):
            process.send_signal(signal.SIGCONT)
            process.wait()
        for pipe in (self.first.stdin, self.first.stdout):
            assert pipe is not None
            pipe.close()
        self.first, self.processes = None, []

    def freeze(self) -> None:
        """It keeps its connections, and answers nobody."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def unplug(self) -> None:
        """Nothing comes to it or from it, and nobody is told."""
        run("ip", "link", "set", "dev", self.name, "down")

    def plug(self) -> None:
        run("ip", "link", "set", "dev", self.name, "up")

    def _inside(self) -> Sequence[str]:
        return ("nsenter", "--target", str(self.pid), "--net", "--mount", "--uts", "--pid")

    def _signal(self, number: signal.Signals) -> None:
        """To all processes but the first, which the kernel keeps from signals, and to those that wait for them."""
        for process in self.processes:
            for pid in (*children_of(process.pid), process.pid):
                os.kill(pid, number)


@contextmanager
def running_network(numbers: Mapping[str, int]) -> Iterator[Mapping[str, Host]]:
    """Hosts by their names, all on one switch; this process is on it too, under number 1."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hosts-")))
        (folder / "disk").mkdir()
        run("ip", "link", "set", "dev", "lo", "up")
        run("ip", "link", "add", "name", SWITCH, "type", "bridge")
        stack.callback(run, "ip", "link", "del", "dev", SWITCH)
        run("ip", "address", "add", f"{NETWORK}.1/24", "dev", SWITCH)
        run("ip", "link", "set", "dev", SWITCH, "up")
        hosts = {name: Host(name, number, folder / "disk", folder / name) for name, number in numbers.items()}
        stack.callback(end_all, list(hosts.values()))
        for host in hosts.values():
            host.boot()
        yield hosts


def end_all(hosts: Sequence[Host]) -> None:
    """Side by side: the network of each takes the kernel a moment."""
    for host in hosts:
        host.strike()
    for host in hosts:
        host.bury()


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def children_of(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()))
    except FileNotFoundError:
        return []
