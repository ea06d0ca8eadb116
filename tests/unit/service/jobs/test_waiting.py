"""How a wish to wait is read."""

import pytest
from fastapi import Request

from service.jobs.answering import Wait, preferred_wait


def request_with(*prefer: str) -> Request:
    headers = [(b"prefer", value.encode("latin-1")) for value in prefer]
    return Request({"type": "http", "method": "GET", "headers": headers})


@pytest.mark.parametrize(
    ("prefer", "wait"),
    [
        ((), Wait(10)),
        (("wait=3",), Wait(3, "wait=3")),
        (("Wait = 3",), Wait(3, "wait=3")),
        (('wait="3"',), Wait(3, "wait=3")),
        (("wait=0.5",), Wait(0.5, "wait=0.5")),
        (("wait=3; x=y",), Wait(3, "wait=3")),
        (("handling=lenient, wait=3",), Wait(3, "wait=3")),
        (("handling=lenient", "wait=3"), Wait(3, "wait=3")),
        (("wait=3, wait=4",), Wait(3, "wait=3")),
        (("wait=0",), Wait(0, "wait=0")),
        (("wait=100000",), Wait(60, "wait=60")),
        (("respond-async",), Wait(0, "respond-async")),
        (("respond-async, wait=5",), Wait(5, "wait=5")),
        (("wait=-1",), Wait(10)),
        (("wait=abc",), Wait(10)),
        (("wait=nan",), Wait(10)),
        (("wait=1e9",), Wait(10)),
        (("wait=²",), Wait(10)),
        (("wait",), Wait(10)),
        (("wait=" + "9" * 5000,), Wait(10)),
        ((",;=",), Wait(10)),
    ],
)
def test_preferences(prefer: tuple[str, ...], wait: Wait) -> None:
    """The first `wait` that can be read counts, up to a minute; other preferences change nothing."""
    assert preferred_wait(request_with(*prefer), 10) == wait
