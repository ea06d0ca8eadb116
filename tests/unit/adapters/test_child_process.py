"""Signals that come while a child process is started."""

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from adapters.child_process import undisturbed


class ToldToStop(BaseException):
    """What the handler of these tests raises."""


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise ToldToStop

    previous = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, previous)


def start(steps: list[str]) -> None:
    with undisturbed():
        os.kill(os.getpid(), signal.SIGTERM)
        steps.append("started")
    steps.append("went on")


def test_told_to_stop_in_the_middle() -> None:
    """The start is finished; then the handler has its turn, and is in its place again."""
    steps: list[str] = []
    with pytest.raises(ToldToStop):
        start(steps)
    assert steps == ["started"]
    with pytest.raises(ToldToStop):
        os.kill(os.getpid(), signal.SIGTERM)


def test_signal_that_is_ignored() -> None:
    """It stays so, for the child too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with undisturbed():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_child_of_another_thread() -> None:
    """Only the main thread has handlers: nothing is changed."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def look() -> None:
        with undisturbed():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
