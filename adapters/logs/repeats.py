"""Keeps a client or an outage from setting the rate of a log: what repeats is held back, and counted."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

PERIOD_SECONDS = 10.0
MOST_KINDS = 100
TEMPLATE_LETTERS = 200

Kind = tuple[str, int, str]
"""Logger, level, and what the message is made from."""


@dataclass
class Repeats:
    """When a record of one kind was let through last, and how many were held back since."""

    passed_at: float
    held_back: int = 0


class RepeatFilter(logging.Filter):
    """Lets one record of a kind through in `seconds`; the next one of its kind says how many were held back.

    Kinds that come and go are bounded too: of all kinds together, at most `most_kinds` records pass in that time.
    Records below `level` all pass. For one handler only: a second one would count each record again.
    """

    def __init__(
        self,
        seconds: float = PERIOD_SECONDS,
        level: int = logging.WARNING,
        most_kinds: int = MOST_KINDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._level = level
        self._most_kinds = most_kinds
        self._clock = clock
        self._kinds: OrderedDict[Kind, Repeats] = OrderedDict()  # The one that passed longest ago comes first.
        self._others = 0
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written; it is given the number of those that were not."""
        if record.levelno < self._level:
            return True
        with self._lock:
            held_back = self._pass(kind_of(record))
        if held_back:
            tell(record, held_back)
        return held_back is not None

    def _pass(self, kind: Kind) -> int | None:
        """How many were held back before this one, which passes; None when it does not."""
        now = self._clock()
        known = self._kinds.get(kind)
        if known is not None and now - known.passed_at < self._seconds:
            known.held_back += 1
            return None
        if known is None and not self._has_room(now):
            self._others += 1
            return None
        self._kinds[kind] = Repeats(now)
        self._kinds.move_to_end(kind)
        others, self._others = self._others, 0
        return others + (known.held_back if known else 0)

    def _has_room(self, now: float) -> bool:
        """Whether one more kind can be remembered; the oldest is forgotten for it, once its time is over."""
        if len(self._kinds) < self._most_kinds:
            return True
        kind, oldest = next(iter(self._kinds.items()))
        if now - oldest.passed_at < self._seconds:
            return False
        del self._kinds[kind]
        self._others += oldest.held_back
        return True


def kind_of(record: logging.LogRecord) -> Kind:
    """What makes two records alike: not their arguments, nor the lines after the first."""
    message: object = record.msg
    # structlog hands its event over as a dictionary.
    template = str(message.get("event")) if isinstance(message, dict) else str(message)
    return record.name, record.levelno, template.partition("\n")[0][:TEMPLATE_LETTERS]


def tell(record: logging.LogRecord, held_back: int) -> None:
    """Writes the number into the record; its arguments still fit."""
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "held_back": held_back}
    else:
        record.msg = f"{record.msg} ({held_back} more were held back)"
