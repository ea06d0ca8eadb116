"""When the client asks again, as a function of what came back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustify_client.message import Answer, Lost
from robustify_client.retries import NO_RETRIES, Retries, pause_before_next, retry_after

NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)
USUAL = Retries()


def answer(status: int, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize("status", [200, 202, 204, 301, 400, 401, 403, 404, 409, 413, 415, 422, 500, 501])
def test_status_that_asking_again_does_not_change(status: int) -> None:
    """There is no second request."""
    assert pause_before_next(USUAL, answer(status, retry_after="1"), 1, 0.5, NOW) is None


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_status_that_may_pass(status: int) -> None:
    """There is one, no earlier than the service said."""
    assert pause_before_next(USUAL, answer(status, retry_after="7"), 1, 0.0, NOW) == 7.0
    assert pause_before_next(USUAL, answer(status), 1, 0.0, NOW) is not None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 12 ", 12.0),
        ("Mon, 30 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 30 Nov 2026 13:00:30 +0100", 30.0),
        ("Mon, 30 Nov 2026 12:00:30", 30.0),
        ("Mon, 30 Nov 2026 11:59:00 GMT", 0.0),
        ("Monday, 30-Nov-26 12:00:30 GMT", 30.0),
        ("Mon Nov 30 12:00:30 2026", 30.0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("Mon, 30 Nov 2026 12:00:30 +9999", None),
        (None, None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """It is a number of seconds or one of the three dates of HTTP, and never a time that is past."""
    assert retry_after(text, NOW) == seconds


@given(st.text(max_size=60) | st.from_regex(r"[0-9]{1,400}", fullmatch=True))
def test_any_retry_after(text: str) -> None:
    """Whatever stands there, it is a finite time or none."""
    found = retry_after(text, NOW)
    assert found is None or 0 <= found < float("inf")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_that_nobody_told(attempt: int, chance: float) -> None:
    """They grow up to a bound, and are never nothing."""
    pause = pause_before_next(USUAL, Lost("gone"), attempt, chance, NOW)
    assert pause is not None
    assert USUAL.first_pause / 2 <= pause <= USUAL.longest_pause


def test_connections_that_are_not_worth_another_try() -> None:
    """One that can never be made, and one that nobody takes where the caller wants to know at once."""
    assert pause_before_next(USUAL, Lost("no such authority", is_final=True), 1, 0.5, NOW) is None
    hasty = Retries(where_nobody_listens=False)
    assert pause_before_next(hasty, Lost("nobody", was_connected=False), 1, 0.5, NOW) is None
    assert pause_before_next(hasty, Lost("broken"), 1, 0.5, NOW) is not None


def test_no_retries() -> None:
    """Whatever is told, the deadline is over."""
    assert NO_RETRIES.seconds == 0
