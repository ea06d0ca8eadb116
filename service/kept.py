"""Whether what the queue server acknowledged stays when it is killed, asked once for all who wait to hear it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import anyio.to_thread

from adapters.queue.written import LONGEST_SECONDS, File
from robustify.errors import QueueUnavailableError

FIRST_PAUSE_SECONDS = 0.002
"""By the second look a server whose disk is not slow has written."""
LONGEST_PAUSE_SECONDS = 0.016


@dataclass(frozen=True)
class Look:
    """What was found, and when somebody began to look."""

    begun: float
    found: File | QueueUnavailableError


class Kept:
    """Waits without a thread of its own. While the disk is slow many wait for the same: their looks are shared.

    1. What a look finds says nothing of what was acknowledged after it began: the first look of each who waits begins
       when he has come, or later.
    2. Of all who came while a look was under way, one looks next, and the others take what he finds.
    3. Later looks of each may be anybody's, if they began a pause after his last one.
    """

    def __init__(self, look: Callable[[], File]) -> None:
        self._look = look
        self._looking = anyio.Lock()
        self._latest = Look(float("-inf"), File())

    async def be_sure(self) -> None:
        """Returns once everything that was acknowledged before this call is kept; a slow disk takes seconds.

        Raises QueueUnavailableError where nobody can say so: it may be lost.
        """
        came = time.monotonic()
        look, pause = await self._look_since(came), FIRST_PAUSE_SECONDS
        awaited = of(look).awaited(of(look))
        while awaited is not None and time.monotonic() < came + LONGEST_SECONDS:
            await anyio.sleep(pause)
            look = await self._look_since(look.begun + pause)
            awaited = awaited.awaited(of(look))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _look_since(self, earliest: float) -> Look:
        """The latest look, unless it was begun too early: then a new one, which those who came meanwhile share."""
        async with self._looking:
            if self._latest.begun < earliest:
                begun = time.monotonic()
                try:
                    self._latest = Look(begun, await anyio.to_thread.run_sync(self._look))
                except QueueUnavailableError as error:
                    self._latest = Look(begun, error)
            return self._latest


def of(look: Look) -> File:
    if isinstance(look.found, QueueUnavailableError):
        raise QueueUnavailableError(str(look.found)) from look.found
    return look.found
