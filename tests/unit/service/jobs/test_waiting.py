"""How a wish to wait is read."""

import pytest
from fastapi import Request

from service.jobs.answering import PreferredWait, preferred_wait


def request_with(*prefer: str) -> Request:
    headers = [(b"prefer", value.encode("latin-1")) for value in prefer]
    return Request({"type": "http", "method": "GET", "headers": headers})


@pytest.mark.parametrize(
    ("prefer", "wait"),
    [
        ((), PreferredWait(10)),
        (("wait=3",), PreferredWait(3, "wait=3")),
        (("Wait = 3",), PreferredWait(3, "wait=3")),
        (('wait="3"',), PreferredWait(3, "wait=3")),
        (("wait=0.5",), PreferredWait(0.5, "wait=0.5")),
        (("wait=3; x=y",), PreferredWait(3, "wait=3")),
        (("handling=lenient, wait=3",), PreferredWait(3, "wait=3")),
        (("handling=lenient", "wait=3"), PreferredWait(3, "wait=3")),
        (("wait=3, wait=4",), PreferredWait(3, "wait=3")),
        (("wait=0",), PreferredWait(0, "wait=0")),
        (("wait=100000",), PreferredWait(60, "wait=60")),
        (("respond-async",), PreferredWait(0, "respond-async")),
        (("respond-async, wait=5",), PreferredWait(5, "wait=5")),
        (("wait=-1",), PreferredWait(10)),
        (("wait=abc",), PreferredWait(10)),
        (("wait=nan",), PreferredWait(10)),
        (("wait=1e9",), PreferredWait(10)),
        (("wait=²",), PreferredWait(10)),
        (("wait",), PreferredWait(10)),
        (("wait=" + "9" * 5000,), PreferredWait(10)),
        ((",;=",), PreferredWait(10)),
    ],
)
def test_preferences(prefer: tuple[str, ...], wait: PreferredWait) -> None:
    """The first `wait` that can be read counts, up to a minute; other preferences change nothing."""
    assert preferred_wait(request_with(*prefer), 10) == wait
