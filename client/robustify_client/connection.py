"""Carries out what was decided, in this thread: sends, waits, listens. May be used by many threads at once."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from robustify_client.address import Address
from robustify_client.flows import Effect, Flow, Pause, Reply, T, event_of, polled
from robustify_client.following import MOST_EVENT_BYTES, Following, Source
from robustify_client.message import Answer, Lost, Request
from robustify_client.records import JobEvent, JobRecord
from robustify_client.retries import Retries
from robustify_client.wire import FAILURES, Collected, longest_of, lost_by, options_of, shared_options


class Connection:
    """To one service. `seconds`: how long an answer may take beyond what the service was asked to wait."""

    def __init__(self, address: Address, seconds: float, retries: Retries, verify: ssl.SSLContext | bool) -> None:
        self.address = address
        self.seconds = seconds
        self.retries = retries
        self.http = httpx2.Client(**shared_options(address.headers, verify))

    def run(self, flow: Flow[T]) -> T:
        """What a flow comes to."""
        reply: Reply = None
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as end:
                found: T = end.value
                return found
            reply = self.perform(effect)

    def perform(self, effect: Effect) -> Reply:
        if isinstance(effect, Pause):
            time.sleep(effect.seconds)
            return None
        return self.sent(effect.request)

    def sent(self, request: Request) -> Answer | Lost:
        """One request, once."""
        try:
            with self.http.stream(**options_of(request, self.address.to(request.path), self.seconds)) as response:
                return self.whole(response, request)
        except FAILURES as error:
            return lost_by(error, self.address.url)

    def whole(self, response: httpx2.Response, request: Request) -> Answer:
        collected = Collected(response, longest_of(request, self.seconds))
        for chunk in response.iter_raw():
            collected.add(chunk)
        return collected.answer()

    def events(self, job: JobRecord) -> Iterator[JobEvent]:
        """What happens to a job until it is done, whatever happens to the connection."""
        following = Following(job, self.retries)
        if job.done:
            yield event_of(job)
        while following.source is not Source.NOTHING:
            if following.source is Source.ASKING:
                if (event := following.asked(self.run(polled(following.job, self.retries)))) is not None:
                    yield event
                continue
            yield from self.streamed(following)
            if following.source is Source.STREAM:
                time.sleep(following.broken(random.random()))

    def streamed(self, following: Following) -> Iterator[JobEvent]:
        """The events of one stream, until it ends or breaks."""
        try:
            with self.listening(following.request()) as (reply, source):
                if not following.opened(reply) or source is None:
                    return
                for heard in source:
                    if (event := following.heard(heard)) is not None:
                        yield event
                    if following.source is Source.NOTHING:
                        return
        except (*FAILURES, ValueError):
            return

    @contextmanager
    def listening(self, request: Request) -> Iterator[tuple[Answer | Lost, httpx2.EventSource | None]]:
        """A stream of events; where the answer is none, the whole of it."""
        with self.http.stream(**options_of(request, self.address.to(request.path), self.seconds)) as response:
            if response.status_code != 200:
                yield self.whole(response, request), None
                return
            # Looks at the headers, among them whether the answer is packed.
            yield Collected(response, self.seconds).answer(), httpx2.EventSource(response, MOST_EVENT_BYTES)

    def close(self) -> None:
        self.http.close()
