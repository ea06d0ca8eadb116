"""One line in the log for each request, at a rate that no client can set."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

LINES_PER_SECOND = 100
LOGGER = "service.requests"
PROBES = frozenset(("/healthz", "/readyz"))
"""Asked each second by what watches the service: told at level DEBUG only."""

log = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class AccessLine:
    """What is told of a request: ids, numbers and words of ours, and nothing that its client has written.

    `route` is the path with the names of its parameters. `owner` is the id of a key. `job` is what the client calls
    the job, `work_job` what workers do. `request_id` is the client's where it is safe.
    """

    request_id: str
    trace_id: str | None = None
    method: str | None = None
    route: str | None = None
    status: int | None = None
    seconds: float | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    owner: str | None = None
    job: str | None = None
    work_job: str | None = None
    problem: str | None = None


HELD_BACK = "held_back"
ACCESS_FIELDS = (*(field.name for field in fields(AccessLine)), HELD_BACK)


class AccessLog:
    """Writes lines until there are too many in a second; the next that is written says how many were held back."""

    def __init__(self, lines_per_second: int = LINES_PER_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = lines_per_second
        self._clock = clock
        self._left = float(lines_per_second)
        self._filled_at = clock()
        self._lock = threading.Lock()
        self._untold = 0
        self.held_back = 0
        """All lines that were not written, since the service began."""

    def write(self, line: AccessLine) -> None:
        level = logging.DEBUG if line.route in PROBES else logging.INFO
        if not log.isEnabledFor(level):
            return
        with self._lock:
            untold = self._pass()
        if untold is None:
            return
        if untold:
            log.info("some requests were not logged: too many in a second", extra={HELD_BACK: untold})
        log.log(level, "request", extra={name: value for name, value in asdict(line).items() if value is not None})

    def _pass(self) -> int | None:
        """How many were held back before this one, which passes; None when it does not."""
        now = self._clock()
        self._left = min(float(self._most), self._left + (now - self._filled_at) * self._most)
        self._filled_at = now
        if self._left < 1:
            self._untold += 1
            self.held_back += 1
            return None
        self._left -= 1
        untold, self._untold = self._untold, 0
        return untold
