"""HEAD on what would answer for ever."""

import asyncio

import anyio
from starlette.types import Message, Receive, Scope, Send

from service.methods import HeadAsGet


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers GET with a body that never ends, and notices nothing of its client."""
    assert scope["method"] == "GET"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"more", "more_body": True})
        await anyio.sleep(0)


async def silent() -> Message:
    """A client that sends nothing, and stays."""
    await anyio.sleep_forever()
    raise AssertionError


def test_head_when_the_body_has_no_end() -> None:
    """The headers are sent, then an empty body, and nothing goes on behind the answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> None:
        with anyio.fail_after(5):
            await HeadAsGet(endless)({"type": "http", "method": "HEAD"}, silent, send)

    asyncio.run(answer())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[1]["body"], sent[1]["more_body"]) == (b"", False)
