"""Reading a request's body: never more of it than the limit, never longer than the deadline."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import Request

from service.body.headers import too_large
from service.errors import BODY_TIMEOUT, ProblemError
from service.limits import BODY_SECONDS, DRAIN_SECONDS, BodyLimits


@asynccontextmanager
async def body_deadline() -> AsyncIterator[None]:
    """Turns a body that does not come into a problem."""
    try:
        with anyio.fail_after(BODY_SECONDS):
            yield
    except TimeoutError:
        raise ProblemError(BODY_TIMEOUT) from None


@asynccontextmanager
async def drained_on_problem(request: Request) -> AsyncIterator[None]:
    """What is refused by its headers is read all the same, unless the client waits for leave to send its body."""
    try:
        yield
    except ProblemError:
        if "expect" not in request.headers:
            await drain(request)
        raise


async def limited_stream(request: Request, limits: BodyLimits) -> AsyncGenerator[bytes, None]:
    """The body in pieces; refuses it as soon as it is longer than the limit, whatever its headers said."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limits.body:
            await drain(request)
            raise too_large(limits)
        yield piece


async def drain(request: Request) -> None:
    """Throws away what still comes, for a moment."""
    with anyio.move_on_after(DRAIN_SECONDS):
        async for _ in request.stream():
            pass


async def whole_body(request: Request, limits: BodyLimits) -> bytes:
    return b"".join([piece async for piece in limited_stream(request, limits)])
