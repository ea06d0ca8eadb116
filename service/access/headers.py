"""Headers that every answer has, unless its route says otherwise: nothing is kept, embedded or guessed at."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        # What belongs to an owner is kept by no cache; a route whose answer may be kept says so.
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
)
STREAM = "text/event-stream"


class DefaultHeaders:
    """Adds them to whatever is answered from here on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, with_headers(send, DEFAULTS))


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Adds headers to the response, unless it has its own."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = MutableHeaders(scope=message)
            if given.get("content-type", "").startswith(STREAM):
                # The framework lets caches keep events.
                given["Cache-Control"] = DEFAULTS["Cache-Control"]
            for name, value in headers.items():
                given.setdefault(name, value)
        await send(message)

    return sending
