"""Child processes: the API and the workers, which end with their parent and are started again when they die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from adapters.child_process import die_with_parent
from adapters.queue.embedded import EmbeddedServer
from robustify.errors import QueueUnavailableError

RESTART_SECONDS = 1.0

log = structlog.get_logger()


@dataclass
class Child:
    """One supervised process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *self.command],
            env={**os.environ, **self.environment},
            preexec_fn=die_with_parent(),
        )

    def revive(self) -> None:
        """Start again what has died, but not more often than once a second."""
        assert self.process is not None
        if self.process.poll() is not None and time.monotonic() - self.started_at > RESTART_SECONDS:
            self.start()

    def stop(self, grace_seconds: float = 10.0) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Supervisor:
    """Starts children, keeps them alive until it is told to stop, and leaves none behind.

    `server`: the queue server that they use; somebody else has started it and will stop it.
    """

    children: list[Child] = field(default_factory=list)
    server: EmbeddedServer | None = None
    stopping: bool = False

    def __enter__(self) -> "Supervisor":
        for child in self.children:
            child.start()
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
        """Start again whatever has died; call it from the thread that started them."""
        for child in self.children:
            child.revive()
        try:
            if self.server is not None:
                self.server.revive()
        except QueueUnavailableError as error:
            log.error("queue_server_not_restarted", error=str(error))
