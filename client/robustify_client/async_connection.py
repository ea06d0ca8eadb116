"""Carries out what was decided, on an event loop: sends, waits, listens. The twin of `connection.py`."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from robustify_client.address import Address
from robustify_client.flows import Effect, Flow, Pause, Reply, T, event_of, polled
from robustify_client.following import MOST_EVENT_BYTES, Following, Source
from robustify_client.message import Answer, Lost, Request
from robustify_client.records import JobEvent, JobRecord
from robustify_client.retries import Retries
from robustify_client.wire import FAILURES, Collected, longest_of, lost_by, options_of, shared_options


class AsyncConnection:
    """To one service. `seconds`: how long an answer may take beyond what the service was asked to wait."""

    def __init__(self, address: Address, seconds: float, retries: Retries, verify: ssl.SSLContext | bool) -> None:
        self.address = address
        self.seconds = seconds
        self.retries = retries
        self.http = httpx2.AsyncClient(**shared_options(address.headers, verify))

    async def run(self, flow: Flow[T]) -> T:
        """What a flow comes to."""
        reply: Reply = None
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as end:
                found: T = end.value
                return found
            reply = await self.perform(effect)

    async def perform(self, effect: Effect) -> Reply:
        if isinstance(effect, Pause):
            await asyncio.sleep(effect.seconds)
            return None
        return await self.sent(effect.request)

    async def sent(self, request: Request) -> Answer | Lost:
        """One request, once."""
        try:
            async with self.http.stream(**options_of(request, self.address.to(request.path), self.seconds)) as response:
                return await self.whole(response, request)
        except FAILURES as error:
            return lost_by(error, self.address.url)

    async def whole(self, response: httpx2.Response, request: Request) -> Answer:
        collected = Collected(response, longest_of(request, self.seconds))
        async for chunk in response.aiter_raw():
            collected.add(chunk)
        return collected.answer()

    async def events(self, job: JobRecord) -> AsyncIterator[JobEvent]:
        """What happens to a job until it is done, whatever happens to the connection."""
        following = Following(job, self.retries)
        if job.done:
            yield event_of(job)
        while following.source is not Source.NOTHING:
            if following.source is Source.ASKING:
                if (event := following.asked(await self.run(polled(following.job, self.retries)))) is not None:
                    yield event
                continue
            async for event in self.streamed(following):
                yield event
            if following.source is Source.STREAM:
                await asyncio.sleep(following.broken(random.random()))

    async def streamed(self, following: Following) -> AsyncIterator[JobEvent]:
        """The events of one stream, until it ends or breaks."""
        try:
            async with self.listening(following.request()) as (reply, source):
                if not following.opened(reply) or source is None:
                    return
                async for heard in source:
                    if (event := following.heard(heard)) is not None:
                        yield event
                    if following.source is Source.NOTHING:
                        return
        except (*FAILURES, ValueError):
            return

    @asynccontextmanager
    async def listening(self, request: Request) -> AsyncIterator[tuple[Answer | Lost, httpx2.EventSource | None]]:
        """A stream of events; where the answer is none, the whole of it."""
        async with self.http.stream(**options_of(request, self.address.to(request.path), self.seconds)) as response:
            if response.status_code != 200:
                yield await self.whole(response, request), None
                return
            # Looks at the headers, among them whether the answer is packed.
            yield Collected(response, self.seconds).answer(), httpx2.EventSource(response, MOST_EVENT_BYTES)

    async def close(self) -> None:
        await self.http.aclose()
