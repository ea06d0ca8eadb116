"""The embedded queue server: private, durable, alone on its folder, and gone with its parent."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.queue.connection import connect
from adapters.queue.server import LONGEST_SOCKET_PATH, EmbeddedServer
from robustify.errors import QueueUnavailableError

PARENT = """
import sys, time
from pathlib import Path
from adapters.queue.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answers(server: EmbeddedServer) -> bool:
    with connect(server.url) as client:
        return bool(client.ping())


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


def test_it_is_revived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it has died, at the same address and with the same data; never while it lives."""
    monkeypatch.setattr("adapters.queue.server.REVIVAL_SECONDS", 0.0)
    with EmbeddedServer(tmp_path) as server, connect(server.url) as client:
        client.set("key", "value")
        pid = server.pid
        server.revive()
        assert server.pid == pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        server.revive()
        assert server.pid != pid
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
    """An error that names the log, without waiting."""
    monkeypatch.setattr("adapters.queue.server.server_binary", lambda: "/bin/false")
    with pytest.raises(QueueUnavailableError, match="server.log"):
        EmbeddedServer(tmp_path).start()


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
