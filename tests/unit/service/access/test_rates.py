"""Requests in a minute, by caller."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from limits.aio.storage import MemoryStorage

from service.access import rates
from service.access.rates import ADDRESS_BUCKETS, FAILURES_PER_MINUTE, Rates
from service.errors import ProblemError


def counted(count: int, request: Callable[[], Awaitable[object]]) -> int:
    """How many of so many requests are let in."""

    async def ask() -> int:
        let_in = 0
        for _ in range(count):
            try:
                await request()
            except ProblemError as problem:
                refused.append(problem)
            else:
                let_in += 1
        return let_in

    refused: list[ProblemError] = []
    let_in = asyncio.run(ask())
    assert {problem.kind.status for problem in refused} <= {429}
    assert all(1 <= int(problem.headers["Retry-After"]) <= 121 for problem in refused)
    return let_in


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the counting sees, in the middle of a window."""
    now = [6_000_030.0]
    monkeypatch.setattr("limits.aio.storage.memory.time.time", lambda: now[0])
    return now


def test_requests_when_a_key_sends_too_many(still_clock: list[float]) -> None:
    """As many as the settings say, or the key's own allowance, and each key for itself."""
    counting = Rates(5)
    assert counted(9, lambda: counting.of_owner("a", None)) == 5
    assert counted(9, lambda: counting.of_owner("b", 3)) == 3
    assert counted(9, lambda: counting.of_owner("b", 7)) == 7
    assert counted(9, lambda: counting.of_address("a")) == 5


def test_headers_when_requests_are_left(still_clock: list[float]) -> None:
    """What is left, and for how long, as the draft has it."""
    counting = Rates(5)
    standing = asyncio.run(counting.of_owner("a", None))
    assert standing.headers == {"RateLimit-Policy": '"requests";q=5;w=60', "RateLimit": '"requests";r=4;t=30'}


@pytest.mark.parametrize(("per_minute", "files"), [(5, 6000), (600, 6000), (1000, 10_000)])
def test_files_when_an_address_asks_for_too_many(still_clock: list[float], per_minute: int, files: int) -> None:
    """Ten times as many as requests, and enough for a page where few are let in; requests are counted as before."""
    counting = Rates(per_minute)
    assert counted(files + 9, lambda: counting.of_files("10.0.0.1")) == files
    assert counted(9, lambda: counting.of_files("10.0.0.2")) == 9
    assert counted(per_minute + 9, lambda: counting.of_address("10.0.0.1")) == per_minute


def test_headers_when_a_file_was_asked_for(still_clock: list[float]) -> None:
    """They name the rate that was counted, so that nobody takes it for that of requests."""
    standing = asyncio.run(Rates(5).of_files("10.0.0.1"))
    assert standing.headers == {"RateLimit-Policy": '"files";q=6000;w=60', "RateLimit": '"files";r=5999;t=30'}


@pytest.mark.parametrize("jump", [120.0, -7200.0])
def test_requests_when_the_clock_jumps(still_clock: list[float], jump: float) -> None:
    """Nobody is shut out by it, in whichever direction."""
    counting = Rates(5)
    assert counted(9, lambda: counting.of_owner("a", None)) == 5
    still_clock[0] += jump
    assert counted(9, lambda: counting.of_owner("a", None)) == 5


def test_failures_when_somebody_guesses(still_clock: list[float]) -> None:
    """They are counted apart from requests that are let in."""
    counting = Rates(5)
    assert counted(100, lambda: counting.of_failure("10.0.0.1")) == FAILURES_PER_MINUTE
    assert counted(9, lambda: counting.of_address("10.0.0.1")) == 5


def test_addresses_when_there_are_many(still_clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """All that one network of IPv6 has are one, and the memory for all others is bounded."""
    monkeypatch.setattr(rates, "ADDRESS_BUCKETS", 16)
    counting = Rates(5)
    assert counted(9, lambda: counting.of_address(f"2001:db8::{id(object()) % 9999}")) == 5
    counted(300, iter_addresses(counting))
    storage = counting._limiter.storage
    assert isinstance(storage, MemoryStorage)
    assert len(storage.storage) <= 16
    assert ADDRESS_BUCKETS >= 1024


def iter_addresses(counting: Rates) -> Callable[[], Awaitable[object]]:
    """Each request from another address."""
    numbers = iter(range(10_000))
    return lambda: counting.of_address(f"10.0.{next(numbers)}.1")
