"""Reading a body: the limit holds whatever the headers say, and the deadline whatever the client does."""

import asyncio
from collections.abc import Iterable, Sequence

import anyio
import pytest
from fastapi import Request
from starlette.types import Message

from service.body import stream as body
from service.body.headers import check_declared_length, too_large
from service.body.stream import body_deadline, drained_on_problem, limited_stream
from service.errors import ProblemError
from service.limits import UploadLimits

LIMITS = UploadLimits(image=3, body=4)


class Pieces:
    """A client that sends these pieces; `forever`: and then keeps silent."""

    def __init__(self, pieces: Iterable[bytes], forever: bool = False) -> None:
        self.pieces = list(pieces)
        self.forever = forever

    async def __call__(self) -> Message:
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or self.forever}
        await anyio.sleep_forever()
        raise AssertionError


def request_of(client: Pieces, headers: Sequence[tuple[bytes, bytes]] = ()) -> Request:
    return Request({"type": "http", "method": "POST", "headers": list(headers)}, client)


async def read(request: Request) -> bytes:
    async with body_deadline():
        return b"".join([piece async for piece in limited_stream(request, LIMITS)])


def test_limit() -> None:
    """A body as long as the limit is read; one byte more is refused, and the rest of it is thrown away."""
    assert asyncio.run(read(request_of(Pieces([b"ab", b"cd"])))) == b"abcd"
    client = Pieces([b"ab", b"cd", b"e", b"f", b"g"])
    with pytest.raises(ProblemError) as caught:
        asyncio.run(read(request_of(client)))
    assert caught.value.kind.status == 413
    assert client.pieces == []


def test_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that stops coming is given up."""
    monkeypatch.setattr(body, "BODY_SECONDS", 0.05)
    with pytest.raises(ProblemError) as caught:
        asyncio.run(read(request_of(Pieces([b"ab"], forever=True))))
    assert caught.value.kind.status == 408


@pytest.mark.parametrize("declared", [b"5", b"99999999999999999999"])
def test_declared_length(declared: bytes) -> None:
    """A length over the limit is refused before the body is read."""
    with pytest.raises(ProblemError, match="too-large"):
        check_declared_length(request_of(Pieces([]), [(b"content-length", declared)]), LIMITS)


@pytest.mark.parametrize("declared", [b"4", b"abc", b"-5", "٥".encode()])
def test_declared_nothing(declared: bytes) -> None:
    """What is no length, or no more than the limit, is left to the count: nothing is read yet, and all can be."""
    client = Pieces([b"ab", b"cd"])
    request = request_of(client, [(b"content-length", declared)])
    check_declared_length(request, LIMITS)

    assert client.pieces == [b"ab", b"cd"]
    assert asyncio.run(read(request)) == b"abcd"


@pytest.mark.parametrize(("headers", "left"), [([], 0), ([(b"expect", b"100-continue")], 2)])
def test_drained(headers: list[tuple[bytes, bytes]], left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused body is read all the same for a moment, unless the client has not begun to send it."""
    monkeypatch.setattr(body, "DRAIN_SECONDS", 0.05)
    client = Pieces([b"ab", b"cd"], forever=True)

    async def refuse() -> None:
        async with drained_on_problem(request_of(client, headers)):
            raise too_large(LIMITS)

    with pytest.raises(ProblemError):
        asyncio.run(refuse())
    assert len(client.pieces) == left
