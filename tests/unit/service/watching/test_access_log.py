"""The line of a request: what is in it, and how many there may be."""

import logging

import pytest

from service.watching.access_log import ACCESS_FIELDS, HELD_BACK, LOGGER, AccessLine, AccessLog


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_rate_when_a_client_asks_without_end(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """So many lines a second are written, and then one that says how many were not."""
    caplog.set_level(logging.INFO, LOGGER)
    access_log = AccessLog(lines_per_second=10, clock=clock)
    for _ in range(1000):
        access_log.write(AccessLine("a"))
    assert len(caplog.records) == 10
    clock.now = 1.0
    access_log.write(AccessLine("b"))
    told, line = caplog.records[10:]
    assert told.__dict__[HELD_BACK] == 990 == access_log.held_back
    assert line.__dict__["request_id"] == "b"


def test_probe_when_the_level_is_info(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """It is not written, and takes no line from the others; at DEBUG it is."""
    caplog.set_level(logging.INFO, LOGGER)
    access_log = AccessLog(lines_per_second=1, clock=clock)
    for _ in range(10):
        access_log.write(AccessLine("probe", route="/healthz"))
    access_log.write(AccessLine("a", route="/predict"))
    assert [record.__dict__["request_id"] for record in caplog.records] == ["a"]
    caplog.set_level(logging.DEBUG, LOGGER)
    clock.now = 1.0
    access_log.write(AccessLine("probe", route="/healthz"))
    assert caplog.records[-1].levelno == logging.DEBUG


def test_line_when_something_is_not_known(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """It is left out; nothing but the known fields is in a line."""
    caplog.set_level(logging.INFO, LOGGER)
    AccessLog(clock=clock).write(AccessLine("a", status=200))
    usual = logging.makeLogRecord({}).__dict__
    assert set(caplog.records[0].__dict__) - set(usual) - {"message"} == {"request_id", "status"}
    assert {"request_id", "status"} < set(ACCESS_FIELDS)
