"""HEAD, which answers as GET does but for the body; and the methods that a path takes."""

import anyio
from fastapi import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
NO_BODY: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class HeadAsGet:
    """Answers HEAD as if it were GET; what would make a body, such as a stream without end, stops at the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        with anyio.CancelScope() as answering:

            async def send_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                    await send(NO_BODY)
                    answering.cancel()

            await self.app({**scope, "method": "GET"}, receive, send_headers)


def allowed_methods(request: Request) -> str:
    """The methods that the path takes, for the header `Allow`."""
    taken = [method for method in METHODS if is_taken(request, method)]
    return ", ".join([*taken, "HEAD"] if "GET" in taken else taken)


def is_taken(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
