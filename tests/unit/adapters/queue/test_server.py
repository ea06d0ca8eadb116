"""The embedded queue server: private, durable, alone on its folder, and gone with its parent."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from adapters.queue.connection import connect
from adapters.queue.server import LONGEST_SOCKET_PATH, EmbeddedServer
from adapters.settings import MEBIBYTE
from robustify.errors import QueueUnavailableError
from tests.small_disk import run_on_small_disk

PARENT = """
import sys, time
from pathlib import Path
from adapters.queue.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""

FULL_DISK = """
import sys, time
from pathlib import Path
from adapters.queue.connection import connect, server_errors
from adapters.queue.server import EmbeddedServer
from robustify.errors import QueueUnavailableError
from tests.small_disk import fill
root = Path(sys.argv[1])
filler = fill(root)
try:
    EmbeddedServer(root / "state").start()
except QueueUnavailableError as error:
    print(error)
filler.unlink()

def write_until(wanted):
    deadline, said = time.monotonic() + 30, None
    while said != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            with server_errors():
                client.set("much", "x" * 5000)
            said = "it answers"
        except QueueUnavailableError as error:
            said = str(error).partition(":")[0]
    print(said)

with EmbeddedServer(root / "state") as server, connect(server.url) as client:
    client.set("key", "value")
    filler = fill(root)
    write_until("the queue server cannot write to its disk")
    server.kill()
    server.revive()
    write_until("the queue server cannot write to its disk")
    filler.unlink()
    write_until("it answers")
    print(client.get("key").decode())
"""
REPOSITORY = Path(__file__).parents[4]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answers(server: EmbeddedServer) -> bool:
    with connect(server.url) as client:
        return bool(client.ping())


def wait_for_answer(server: EmbeddedServer) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            assert answers(server)
            return
        except redis.ConnectionError:
            time.sleep(0.02)
    pytest.fail("it does not answer")


def test_its_life(tmp_path: Path) -> None:
    """It answers when it has started, only this user can reach it, and it is gone in the end."""
    with EmbeddedServer(tmp_path) as server, connect(server.url) as client:
        assert client.config_get("port")["port"] == "0"
        mode = os.stat(server.url.removeprefix("unix://")).st_mode
        assert stat.S_IMODE(mode) == 0o700
        pid = server.pid
    assert pid is not None
    assert not is_running(pid)


def test_it_crashes(tmp_path: Path) -> None:
    """What was acknowledged is there after a restart."""
    with EmbeddedServer(tmp_path) as server, connect(server.url) as client:
        for number in range(500):
            client.rpush("numbers", number)
        server.kill()
        server.start()
        assert client.llen("numbers") == 500


def test_it_is_revived(tmp_path: Path) -> None:
    """When it has died, at the same address and with the same data; never while it lives."""
    with EmbeddedServer(tmp_path) as server, connect(server.url) as client:
        client.set("key", "value")
        pid = server.pid
        server.revive()
        assert server.pid == pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert server.reason_of_end == "it was ended by SIGKILL"
        server.revive()
        assert server.pid != pid
        wait_for_answer(server)
        assert client.get("key") == b"value"


def test_a_second_server_on_the_same_folder(tmp_path: Path) -> None:
    """It is refused; after the first has ended it may start."""
    with EmbeddedServer(tmp_path) as server:
        with pytest.raises(QueueUnavailableError, match="in use"):
            EmbeddedServer(tmp_path).start()
        assert answers(server)
    with EmbeddedServer(tmp_path) as server:
        assert answers(server)


def test_a_state_folder_with_a_long_path(tmp_path: Path) -> None:
    """The socket is elsewhere, and is removed; the data are in the state folder."""
    state = tmp_path / ("long" * (LONGEST_SOCKET_PATH // 4))
    with EmbeddedServer(state) as server:
        assert answers(server)
        socket = Path(server.url.removeprefix("unix://"))
        assert len(str(socket)) < LONGEST_SOCKET_PATH
    assert not socket.parent.exists()
    assert (state / "queue" / "appendonlydir").is_dir()


def test_it_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that says so, without waiting."""
    monkeypatch.setattr("adapters.queue.server.server_binary", lambda: "/bin/false")
    with pytest.raises(QueueUnavailableError, match="cannot start: exit code 1, without a word"):
        EmbeddedServer(tmp_path).start()


def test_it_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended after a while, and the error says so."""
    binary = tmp_path / "silent"
    binary.write_text("#!/bin/sh\nexec sleep 60\n")
    binary.chmod(0o700)
    monkeypatch.setattr("adapters.queue.server.server_binary", lambda: str(binary))
    monkeypatch.setattr("adapters.queue.server.START_SECONDS", 0.2)
    server = EmbeddedServer(tmp_path)
    with pytest.raises(QueueUnavailableError, match="no answer for 0.2 s"):
        server.start()
    assert not server.is_running


def test_its_socket_cannot_be_made(tmp_path: Path) -> None:
    """The error says so, and what to do."""
    (tmp_path / "queue" / "queue.sock").mkdir(parents=True)
    with pytest.raises(QueueUnavailableError, match="socket cannot be opened: choose another ROBUSTIFY_STATE_DIR"):
        EmbeddedServer(tmp_path).start()


def test_its_folder_cannot_be_made(tmp_path: Path) -> None:
    """The error says what the system says."""
    (tmp_path / "queue").write_text("a file")
    with pytest.raises(QueueUnavailableError, match="cannot start: .*File exists"):
        EmbeddedServer(tmp_path).start()


def test_its_log_grows(tmp_path: Path) -> None:
    """It makes way for a new one, and is kept once."""
    log = tmp_path / "queue" / "server.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (1 + MEBIBYTE))
    with EmbeddedServer(tmp_path):
        """It says that it starts."""
    assert log.stat().st_size < MEBIBYTE
    assert (log.parent / "server.log.1").stat().st_size > MEBIBYTE


def fill_memory(client: redis.Redis) -> None:
    for number in range(100):
        client.set(f"key-{number}", "x" * 100_000)


def test_its_memory_is_full(tmp_path: Path) -> None:
    """It refuses to write, forgets nothing, and takes it again when there is room."""
    with EmbeddedServer(tmp_path, queue_bytes=4 * MEBIBYTE) as server, connect(server.url) as client:
        client.set("first", "x" * 1000)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            fill_memory(client)
        assert client.get("first") is not None
        client.delete(*client.keys("key-*"))
        assert client.set("second", "x" * 1000)


def bytes_in(folder: Path) -> int:
    """What its files hold; the server replaces them at any time, so that one may be gone between listing and asking."""
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


@pytest.mark.slow
def test_its_file_grows(tmp_path: Path) -> None:
    """What has been overwritten is dropped from it: after 200 MB of changes, and some more, it is small."""
    folder = tmp_path / "queue" / "appendonlydir"
    with EmbeddedServer(tmp_path) as server, connect(server.url) as client:

        def change() -> None:
            client.mset({f"key-{number}": "x" * 5000 for number in range(20)})

        for _ in range(2000):
            change()
        deadline = time.monotonic() + 60
        while (size := bytes_in(folder)) > 64 * MEBIBYTE:
            assert time.monotonic() < deadline, f"{size} bytes"
            change()  # What came while it was rewritten is in it still, and goes with the next time.
            time.sleep(0.01)


@pytest.mark.slow
def test_its_disk_is_full(tmp_path: Path) -> None:
    """At first start it says so; later it lives, refuses to write, and all is well when there is room again."""
    ended = run_on_small_disk(tmp_path, "2m", FULL_DISK, cwd=REPOSITORY)
    assert ended.returncode == 0, ended.stderr
    first, *rest = ended.stdout.splitlines()
    assert first.startswith("the embedded queue server cannot start: the disk of the state folder is full: make room")
    refused = "the queue server cannot write to its disk"
    assert rest == [refused, refused, "it answers", "value"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends it")
def test_its_parent_is_killed(tmp_path: Path) -> None:
    """It ends too, and leaves its folder to the next."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    with EmbeddedServer(tmp_path) as server:
        assert answers(server)
