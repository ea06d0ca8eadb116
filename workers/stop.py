"""The wish to stop, as a flag that is looked at between two batches."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from robustify.errors import RobustifyError

GLANCE_SECONDS = 0.05
GIVEN_UP = 75
"""The exit code of a worker that has started and is of no use by now; another one may be (EX_TEMPFAIL)."""
NO_MODELS = 78
"""The exit code of a worker that no other start would help: its models or its device are not there (EX_CONFIG)."""


class NotWantedError(RobustifyError):
    """The worker is to stop, the job is over, or the shard is another's by now."""


class StopFlag:
    """Set by SIGTERM or SIGINT, or by a worker that is of no use; a second SIGINT ends the process at once."""

    def __init__(self) -> None:
        # A plain attribute: setting a threading.Event in a signal handler can deadlock.
        self.requested = False
        self.failed = False

    def install(self) -> None:
        """Call it from the main thread."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def fail(self) -> None:
        """The process is to end as a failure, so that its supervisor starts another."""
        self.failed = self.requested = True

    def wait(self, seconds: float) -> bool:
        """Sleeps for so long, or until it is set; returns whether it is."""
        end = time.monotonic() + seconds
        while not self.requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, GLANCE_SECONDS))
        return self.requested

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def orderly_termination() -> Iterator[None]:
    """While the block runs, SIGTERM raises SystemExit in the main thread, with the exit code of shells: 143.

    An exception that is raised while a finalizer (`__del__`) or a weak reference's callback runs is lost: Python
    prints it and goes on. Then the signal is sent once more, and SIGINT too.
    """
    handler, hook = signal.signal(signal.SIGTERM, _leave), sys.unraisablehook

    def send_again(lost: "sys.UnraisableHookArgs") -> None:
        number = _LOST_SIGNALS.get(lost.exc_type)
        if number is None:
            hook(lost)
        else:
            # From another thread, a moment later: raised here, it would be lost again.
            again = threading.Timer(GLANCE_SECONDS, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, handler)


class _Terminated(SystemExit):
    """SIGTERM has come."""


_LOST_SIGNALS: dict[type[BaseException], int] = {_Terminated: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}


def _leave(number: int, frame: FrameType | None) -> None:
    raise _Terminated(128 + number)
