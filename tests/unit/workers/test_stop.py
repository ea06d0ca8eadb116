"""The wish to stop."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from workers.stop import StopFlag


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
    assert installed.wait(5)
    assert time.monotonic() - began < 1


def test_a_second_ctrl_c(installed: StopFlag) -> None:
    """It interrupts at once; a second SIGTERM does not."""
    installed.requested = True
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
