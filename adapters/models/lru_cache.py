"""What stays in memory: the values that were asked for last, up to a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """Loads what is asked for and keeps it; what was not asked for longest goes first. The latest always stays.

    Values may grow: their sizes are asked for again whenever one of them is. `after_gone` is called after some have
    gone.
    """

    def __init__(
        self,
        load: Callable[[K], V],
        size: Callable[[V], int],
        max_bytes: int,
        after_gone: Callable[[], None] = lambda: None,
    ) -> None:
        self._after_gone = after_gone
        self._load = load
        self._size = size
        self._max_bytes = max_bytes
        self._values: OrderedDict[K, V] = OrderedDict()

    def __call__(self, key: K) -> V:
        if key not in self._values:
            self._values[key] = self._load(key)
        self._values.move_to_end(key)
        self._make_room()
        return self._values[key]

    @property
    def held_bytes(self) -> int:
        return sum(self._size(value) for value in self._values.values())

    def _make_room(self) -> None:
        held, count = self.held_bytes, len(self._values)
        while held > self._max_bytes and len(self._values) > 1:
            held -= self._size(self._values.popitem(last=False)[1])
        if len(self._values) < count:
            self._after_gone()
