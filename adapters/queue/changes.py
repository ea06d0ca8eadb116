"""Tells who waits for a job that it has changed: one subscription to the board's channels, in an event loop.

It is a hint only: who waits looks at the board, at the latest after a while of its own. Nothing is lost with the
connection but time.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

from redis.exceptions import RedisError

from adapters.queue.connection import connect_in_loop

PREFIX = "robustify:changed:"
ENDED = b"ended"
AGAIN_SECONDS = 0.5
"""After a lost connection."""
LONGEST_SECONDS = 1.0
"""Who waits looks again after this, told or not."""
LONGEST_DEAF_SECONDS = 0.1
"""The same where nothing can be told."""

log = logging.getLogger(__name__)


class Watch:
    """One waiter for one job; `each`: for every move of it, else for its end alone."""

    def __init__(self, changes: "Changes", each: bool) -> None:
        self._changes = changes
        self.each = each
        self.event = asyncio.Event()

    async def change(self, seconds: float) -> None:
        """Returns when the job has changed since the last call, or after so many seconds, at most a while."""
        longest = LONGEST_SECONDS if self._changes.is_listening else LONGEST_DEAF_SECONDS
        try:
            async with asyncio.timeout(max(0.0, min(seconds, longest))):
                await self.event.wait()
        except TimeoutError:
            pass
        self.event.clear()


class Changes:
    """All waiters of one process; `run` listens for them until it is canceled."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._watches: dict[str, set[Watch]] = {}
        self.is_listening = False

    @contextmanager
    def watching(self, job: str, each: bool = False) -> Iterator[Watch]:
        """Within it the end of the job, which its own id names, is told to the watch; with `each`, every move of it."""
        watch = Watch(self, each)
        self._watches.setdefault(job, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[job].discard(watch)
            if not self._watches[job]:
                del self._watches[job]

    async def run(self) -> None:
        """Listens, and begins anew when the connection is lost."""
        while self._url is not None:
            try:
                await self._listen(self._url)
            except (RedisError, OSError) as error:
                log.debug("changes are not told: %s", type(error).__name__)
            finally:
                self.is_listening = False
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, url: str) -> None:
        async with connect_in_loop(url) as client, aclosing(client.pubsub()) as channel:
            await channel.psubscribe(f"{PREFIX}*")
            self.is_listening = True
            self._tell_all()
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=None)
                if message is not None:
                    self._tell(message["channel"].decode().removeprefix(PREFIX), message["data"] == ENDED)

    def _tell(self, job: str, has_ended: bool) -> None:
        for watch in self._watches.get(job, ()):
            if has_ended or watch.each:
                watch.event.set()

    def _tell_all(self) -> None:
        """What changed while nobody listened is not known."""
        for job in self._watches:
            self._tell(job, has_ended=True)
