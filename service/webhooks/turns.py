"""Whose turn it is to be told: so many at once, and fewer of one host and of one owner, so that none holds up all."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter


@dataclass(frozen=True)
class TurnBounds:
    """How many are told at once, and how many may be under way or wait for it in this process."""

    at_once: int
    most: int


ALL = TurnBounds(at_once=8, most=96)
OF_OWNER = TurnBounds(at_once=4, most=40)
OF_HOST = TurnBounds(at_once=2, most=20)


class Turns:
    """Of one event loop."""

    def __init__(self) -> None:
        self._limiters: dict[str, CapacityLimiter] = {}
        self._users: Counter[str] = Counter()

    def is_crowded(self, owner: str, host: str) -> bool:
        """Whether one more would wait too long."""
        return any(self._users[name] >= bounds.most for name, bounds in places_of(owner, host))

    @asynccontextmanager
    async def turn(self, owner: str, host: str) -> AsyncIterator[None]:
        """Within it, the owner's receiver at the host may be told."""
        places = places_of(owner, host)
        self._users.update(name for name, _ in places)
        try:
            async with AsyncExitStack() as held:
                # In the same order for all, so that nobody waits for one who waits for him.
                for name, bounds in places:
                    limiter = self._limiters.setdefault(name, CapacityLimiter(bounds.at_once))
                    await held.enter_async_context(limiter)
                yield
        finally:
            for name, _ in places:
                self._leave(name)

    def _leave(self, name: str) -> None:
        self._users[name] -= 1
        if not self._users[name]:
            del self._users[name]
            self._limiters.pop(name, None)


def places_of(owner: str, host: str) -> tuple[tuple[str, TurnBounds], ...]:
    """The narrowest first: who waits for its host takes no place of others."""
    return ((f"host {host}", OF_HOST), (f"owner {owner}", OF_OWNER), ("all", ALL))
