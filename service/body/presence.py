"""Work for a client that has sent its whole body, and that ends when the client goes away."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


async def while_present(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """What the work comes to. Raises ClientDisconnect when the client goes away before: nobody would read it.

    The body must have been read to its end: what comes then is that the client has gone.
    """
    results: list[T] = []
    failures: list[Exception] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_when_gone, request, tasks.cancel_scope)
        try:
            results.append(await work())
        except Exception as error:  # Out of the group, which would wrap it.
            failures.append(error)
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not results:
        raise ClientDisconnect
    return results[0]


async def cancel_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
