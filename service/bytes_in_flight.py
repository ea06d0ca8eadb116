"""How many bytes of bodies the service holds in memory at once: reserved before a body is read, given back after."""

from collections import Counter

from adapters.contract.access import KEYLESS
from service.errors import BUSY, ProblemError


class BytesInFlight:
    """A budget of bytes; one key has half of it at most, but may always hold one body."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: Counter[str] = Counter()
        self.refused = 0
        """Bodies for which there was no room, since the service began."""

    @property
    def held(self) -> int:
        return self._held.total()

    def reserve(self, size: int, owner: str = KEYLESS) -> "Reservation":
        """So many bytes, until they are released. Raises a problem where there are not so many left."""
        # A body that is larger than the whole budget may come when no other is there.
        size = min(size, self.limit)
        mine = self._held[owner]
        is_over_share = owner != KEYLESS and mine > 0 and mine + size > self.limit // 2
        if self.held + size > self.limit or is_over_share:
            self.refused += 1
            raise ProblemError(BUSY)
        self._held[owner] += size
        return Reservation(self, size, owner)

    def release(self, size: int, owner: str) -> None:
        self._held[owner] -= size
        if not self._held[owner]:
            del self._held[owner]


class Reservation:
    """Bytes of the budget: leaving it as a context releases them, and so does `release`, however often.

    So does forgetting it, where a request ends between reading its body and what was to be done with it.
    """

    def __init__(self, budget: BytesInFlight, size: int, owner: str) -> None:
        self._budget, self._size, self._owner = budget, size, owner

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        size, self._size = self._size, 0
        if size:
            self._budget.release(size, self._owner)
