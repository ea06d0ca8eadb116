"""Keeps the embedded queue server running: it is started again for as long as anything else lives."""

import logging
import time
from dataclasses import dataclass, field

from adapters.queue.server import EmbeddedServer
from robustify.errors import QueueUnavailableError

PAUSE_SECONDS = 1.0
"""Before a new start of a server that did not run well; it doubles with each in a row."""
LONGEST_PAUSE_SECONDS = 10.0
WELL_SECONDS = 10.0
"""A server that ran for so long had started, and is started again at once."""
SAID_SECONDS = 60.0
"""The same reason is told again after so long."""

# The standard library's: the command line configures no logs, and these warnings go to standard error all the same.
log = logging.getLogger(__name__)


@dataclass
class KeptServer:
    """`failures`: its starts in a row after which it did not run well. The times are of the monotonic clock."""

    server: EmbeddedServer
    failures: int = 0
    started_at: float = field(default_factory=time.monotonic)
    restarts_at: float | None = None
    said: str = ""
    said_at: float = float("-inf")

    def revive(self) -> None:
        """Start it again when it has died, after a pause; call it often, from the thread that started it."""
        if self.server.is_running:
            return
        if self.restarts_at is None:
            ran_well = time.monotonic() - self.started_at >= WELL_SECONDS
            self._note_failure(self.server.reason_of_end, 0 if ran_well else self.failures + 1)
        elif time.monotonic() >= self.restarts_at:
            self._start()

    def _start(self) -> None:
        self.started_at, self.restarts_at = time.monotonic(), None
        try:
            self.server.revive()
        except QueueUnavailableError as error:
            self._note_failure(str(error), self.failures + 1)

    def _note_failure(self, reason: str, failures: int) -> None:
        now = time.monotonic()
        self.failures, self.restarts_at = failures, now + pause_after(failures)
        if reason != self.said or now - self.said_at >= SAID_SECONDS:
            log.warning("the queue server does not run and is started again until it does: %s", reason)
            self.said, self.said_at = reason, now


def pause_after(failures: int) -> float:
    """Seconds until the next start; bounded, so that all is well soon after the cause is gone."""
    return min(LONGEST_PAUSE_SECONDS, PAUSE_SECONDS * 2 ** (failures - 1)) if failures else 0.0
