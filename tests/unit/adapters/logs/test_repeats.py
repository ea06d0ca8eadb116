"""What passes the filter of a log, and what is said of the rest."""

import io
import logging

import pytest

from adapters.logs.repeats import RepeatFilter


class Clock:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(clock: Clock, written: io.StringIO) -> logging.Logger:
    handler = logging.StreamHandler(written)
    handler.addFilter(RepeatFilter(clock=clock, most_kinds=3))
    logger = logging.Logger("tested", logging.INFO)
    logger.addHandler(handler)
    return logger


def test_one_kind_that_repeats(log: logging.Logger, clock: Clock, written: io.StringIO) -> None:
    """It passes once in ten seconds, whatever its arguments, and says then how many did not."""
    for number in range(1000):
        log.warning("no file for %s", number)
    clock.now = 9.9
    log.warning("no file for %s", 1000)
    clock.now = 10.0
    log.warning("no file for %s", "100%")
    clock.now = 20.0
    log.warning("no file for %s", "last")
    assert written.getvalue().splitlines() == [
        "no file for 0",
        "no file for 100% (1000 more were held back)",
        "no file for last",
    ]


def test_kinds_that_differ(log: logging.Logger, written: io.StringIO) -> None:
    """Each passes, also where only the level is another; lines after the first make no other kind."""
    log.warning("one")
    log.error("one")
    log.warning("two\nsocket 7")
    log.warning("two\nsocket 8")
    assert written.getvalue().splitlines() == ["one", "one", "two", "socket 7"]


def test_routine_that_repeats(log: logging.Logger, written: io.StringIO) -> None:
    """What tells of no trouble is not held back."""
    for _ in range(5):
        log.info("done")
    assert written.getvalue().count("done") == 5


def test_ever_new_kinds(log: logging.Logger, clock: Clock, written: io.StringIO) -> None:
    """They do not set the rate either: so many pass in ten seconds, and none is forgotten in the count."""
    for number in range(50):
        log.warning(f"kind {number}")
    clock.now = 10.0
    log.warning("later")
    assert written.getvalue().splitlines() == ["kind 0", "kind 1", "kind 2", "later (47 more were held back)"]
