"""That the service stops: who waits is told at once, and who is cut off all the same gets a problem document."""

import asyncio

import anyio
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import STOPPING, ProblemError, problem_response


class Stopping:
    """Set once, by the server, as soon as it is told to stop."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """From the thread of the event loop."""
        self._event.set()

    async def wait(self) -> None:
        """Until the service stops; to be waited for beside what else may happen."""
        await self._event.wait()

    async def pause(self, seconds: float) -> bool:
        """A pause that ends early when the service stops; whether it does."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        return self.is_set


def stopping_of(request: Request) -> Stopping:
    """What a route that waits or streams must look at: it has few seconds left once this is set."""
    stopping: Stopping = request.app.state.stopping
    return stopping


class CutOff:
    """Answers what the server cancels when its patience is over, where no answer has begun."""

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        self.app = app
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except asyncio.CancelledError:
            if not self.stopping.is_set:
                raise
            if scope["type"] == "http" and not has_begun:
                await problem_response(ProblemError(STOPPING))(scope, receive, send)
