"""Bounded lines before what costs time: so many at work, so many waiting, and nobody waits for long.

Whoever is more than that is refused at once. Each thing that costs time has a line of its own, so that what is cheap
never waits behind what is dear (`service/limits.py` has their bounds).
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from adapters.contract.access import KEYLESS
from service.errors import BUSY, ProblemError
from service.limits import ADMITTING, BATCHING, CHECKING, PARSING, PLANNING, VERIFYING, LineBounds


@dataclass(eq=False)
class Waiting:
    """One that waits, and is told when its turn has come."""

    owner: str
    turn: anyio.Event = field(default_factory=anyio.Event)


class Line:
    """A line of the event loop that it is used in: it counts requests, and does not know what they do.

    One key has half of the places at most. Of those who wait, the key goes first whose last turn is longest ago; then
    who came first.
    """

    def __init__(self, bounds: LineBounds) -> None:
        self.bounds = bounds
        self._at_work: Counter[str] = Counter()
        self._waiting: list[Waiting] = []
        self._turns = 0
        self.refused = 0
        """How many were sent away, since the service began."""
        self._last_turns: dict[str, int] = {}

    @asynccontextmanager
    async def place(self, owner: str = KEYLESS) -> AsyncIterator[None]:
        """Within it the caller is at work. Raises a problem where there is no room, or the turn does not come."""
        await self._enter(owner)
        try:
            yield
        finally:
            self._leave(owner)

    @property
    def at_work(self) -> int:
        return self._at_work.total()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def _enter(self, owner: str) -> None:
        try:
            await self._take_place(owner)
        except ProblemError:
            self.refused += 1
            raise

    async def _take_place(self, owner: str) -> None:
        self._check_room(owner)
        if self.at_work < self.bounds.at_work:
            self._begin(owner)
        else:
            await self._wait(owner)

    def _check_room(self, owner: str) -> None:
        is_full = self.at_work >= self.bounds.at_work and self.waiting >= self.bounds.waiting
        if is_full or (owner != KEYLESS and self._places_of(owner) >= self.bounds.share):
            raise ProblemError(BUSY)

    def _places_of(self, owner: str) -> int:
        return self._at_work[owner] + sum(waiting.owner == owner for waiting in self._waiting)

    async def _wait(self, owner: str) -> None:
        waiting = Waiting(owner)
        self._waiting.append(waiting)
        try:
            with anyio.fail_after(self.bounds.seconds):
                await waiting.turn.wait()
        except TimeoutError:
            self._give_up(waiting)
            raise ProblemError(BUSY) from None
        except BaseException:  # The client has gone, or the service ends.
            self._give_up(waiting)
            raise

    def _give_up(self, waiting: Waiting) -> None:
        if waiting.turn.is_set():  # The turn came in the very moment in which it was given up.
            self._leave(waiting.owner)
        else:
            self._waiting.remove(waiting)
            self._forget(waiting.owner)

    def _begin(self, owner: str) -> None:
        self._turns += 1
        self._last_turns[owner] = self._turns
        self._at_work[owner] += 1

    def _leave(self, owner: str) -> None:
        self._at_work[owner] -= 1
        if self._waiting:
            following = min(self._waiting, key=lambda waiting: self._last_turns.get(waiting.owner, 0))
            self._waiting.remove(following)
            self._begin(following.owner)
            following.turn.set()
        self._forget(owner)

    def _forget(self, owner: str) -> None:
        """Keeps nothing of a key that has no place any more."""
        if not self._places_of(owner):
            self._last_turns.pop(owner, None)
            self._at_work.pop(owner, None)


@dataclass(frozen=True)
class Lines:
    """The lines of a service; those of pictures are before its decoders (`service/decoding/decoders.py`)."""

    checking: Line = field(default_factory=lambda: Line(CHECKING))
    admitting: Line = field(default_factory=lambda: Line(ADMITTING))
    parsing: Line = field(default_factory=lambda: Line(PARSING))
    """Of large JSON bodies, and of many labels."""
    verifying: Line = field(default_factory=lambda: Line(VERIFYING))
    planning: Line = field(default_factory=lambda: Line(PLANNING))
    batching: Line = field(default_factory=lambda: Line(BATCHING))
