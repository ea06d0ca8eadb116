"""SIGTERM ends a command as Ctrl-C does: what it has started ends, and what it has written for the time is removed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def orderly_termination() -> Iterator[None]:
    """While the block runs, SIGTERM raises SystemExit in the main thread, with the exit code of shells: 143."""
    previous = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
