"""Child processes: the API and the workers, which end with their parent and are started again when they die."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.child_process import die_with_parent, undisturbed
from adapters.queue.server import EmbeddedServer
from robustify.errors import RobustifyError
from workers.stop import GIVEN_UP, NO_MODELS
from workers.supervision.last_words import LastWords
from workers.supervision.queue_server import KeptServer

RESTART_SECONDS = 1.0
"""The pause before a new start; it doubles with every start in a row that fails."""
WELL_SECONDS = 300.0
"""A child that ran for so long did not fail at start, however slow the machine."""
START_FAILURES = 4
"""A child that fails so often in a row would never run."""
NO_FAILED_START = frozenset({0, GIVEN_UP, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL})
"""The child had started, or was ended from outside."""

# The standard library's: the command line configures no logs, and these warnings go to standard error all the same.
log = logging.getLogger(__name__)


@dataclass
class Child:
    """One supervised process; `failures` counts its starts in a row that failed."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    pause_seconds: float = RESTART_SECONDS
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    restarts_at: float | None = None
    last_words: LastWords | None = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.started_at, self.restarts_at = time.monotonic(), None
        with undisturbed():
            self.process = subprocess.Popen(
                [sys.executable, *self.command],
                env={**os.environ, **self.environment},
                stderr=subprocess.PIPE,
                preexec_fn=die_with_parent(),
            )
        assert self.process.stderr is not None
        self.last_words = LastWords(self.process.stderr)

    def revive(self) -> None:
        """Start again what has died, after a pause; raises RobustifyError when it fails at every start."""
        if self.is_running:
            return
        if self.restarts_at is None:
            self._note_end()
        elif time.monotonic() >= self.restarts_at:
            self.start()

    def kill(self) -> None:
        """End it as a crash would, but on purpose: it is started again as if nothing were wrong with it."""
        if self.process is not None and self.is_running:
            self.process.kill()
            self.process.wait()
            self.restarts_at = time.monotonic() + self.pause_seconds

    def stop(self, grace_seconds: float = 10.0) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.last_words is not None:
            self.last_words.join()

    def _note_end(self) -> None:
        """Decide what follows from an end that nobody here wanted."""
        assert self.process is not None
        assert self.last_words is not None
        self.last_words.join()
        ended = description_of_end(self.process.returncode)
        if time.monotonic() - self.started_at >= WELL_SECONDS:
            self.failures = 0
        elif self.process.returncode not in NO_FAILED_START:
            self.failures += 1
        if self.process.returncode == NO_MODELS:
            raise RobustifyError(f"{self.name} cannot start: {self.last_words.text.removeprefix('robustify: ')}")
        if self.failures >= START_FAILURES:
            raise RobustifyError(
                f"{self.name} failed at {self.failures} starts in a row, the last time with {ended}: "
                f"{self.last_words.text or 'it said nothing'}"
            )
        pause = self.pause_seconds * 2 ** max(0, self.failures - 1)
        log.warning("%s ended with %s and is started again", self.name, ended)
        self.restarts_at = time.monotonic() + pause


@dataclass
class Supervisor:
    """Starts children, keeps them alive until it is told to stop, and leaves none behind.

    `server`: the queue server that they use; somebody else has started it and will stop it.
    """

    children: list[Child] = field(default_factory=list)
    server: EmbeddedServer | None = None
    stopping: bool = False
    kept_server: KeptServer | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.server is not None:
            self.kept_server = KeptServer(self.server)

    def __enter__(self) -> "Supervisor":
        try:
            for child in self.children:
                child.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping = True
        for child in reversed(self.children):
            child.stop()

    def run_until_signal(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))
        while not self.stopping:
            self.revive()
            time.sleep(0.2)

    def revive(self) -> None:
        """Start again whatever has died; call it from the thread that started them.

        Raises RobustifyError when a child cannot be kept running; the queue server is never given up.
        """
        for child in self.children:
            child.revive()
        if self.kept_server is not None:
            self.kept_server.revive()


def description_of_end(returncode: int) -> str:
    """How a process ended, in words."""
    return signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
