"""The wish to stop."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from workers.stop import StopFlag, orderly_termination


@pytest.fixture
def installed() -> Iterator[StopFlag]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    flag = StopFlag()
    flag.install()
    yield flag
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal(installed: StopFlag, number: signal.Signals) -> None:
    """It sets the flag, and a wait is over at once."""
    assert not installed.wait(0.01)
    os.kill(os.getpid(), number)
    began = time.monotonic()
    assert installed.wait(60)
    assert time.monotonic() - began < 10


def test_a_second_ctrl_c(installed: StopFlag) -> None:
    """It interrupts at once; a second SIGTERM does not."""
    installed.requested = True
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


class SignalledFinalizer:
    """An object whose finalizer is running when the signal comes."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self._number)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)], ids=["SIGTERM", "SIGINT"]
)
def test_a_signal_in_a_finalizer(number: signal.Signals, error: type[BaseException]) -> None:
    """It ends the block all the same, though Python loses the exception."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # In the background it is ignored.
    try:
        with pytest.raises(error):
            finalize_and_go_on(number)
    finally:
        signal.signal(signal.SIGINT, before)


def finalize_and_go_on(number: signal.Signals) -> None:
    with orderly_termination():
        del [SignalledFinalizer(number)][0]
        time.sleep(10)
