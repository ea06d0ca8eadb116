"""Whether and when to ask again: plain functions of what came back. They know no clock and no connection."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from robustify_client.message import Answer, Lost

BUSY = frozenset({429, 502, 503, 504})
"""What says "not now", of the service or of a proxy before it."""


@dataclass(frozen=True)
class Retries:
    """How long one question is asked again and again, in seconds from its first request on.

    Between two requests lies what `Retry-After` says, else a random time of up to `first_pause`, which doubles up to
    `longest_pause`. A `Retry-After` that ends behind the deadline ends it at once: the error says when to come back.
    `where_nobody_listens`: also where no connection can be made, and not only where one is lost.
    """

    seconds: float = 60.0
    first_pause: float = 0.5
    longest_pause: float = 15.0
    where_nobody_listens: bool = True


NO_RETRIES = Retries(seconds=0.0)


def pause_before_next(
    retries: Retries, reply: Answer | Lost, attempt: int, chance: float, now: datetime
) -> float | None:
    """Seconds until the next request, None where there is none to be.

    `attempt` counts from 1, `chance` is in [0, 1).
    """
    if isinstance(reply, Lost):
        is_worth_it = not reply.is_final and (retries.where_nobody_listens or reply.was_connected)
        return backed_off(retries, attempt, chance) if is_worth_it else None
    if reply.status not in BUSY:
        return None
    asked = retry_after(reply.headers.get("retry-after"), now)
    # Many clients are told the same second: they do not all come back in it.
    return backed_off(retries, attempt, chance) if asked is None else asked + chance * retries.first_pause


def backed_off(retries: Retries, attempt: int, chance: float) -> float:
    """A random part of a time that doubles."""
    longest = min(retries.longest_pause, retries.first_pause * 2.0 ** min(attempt - 1, 30))
    return longest * (0.5 + chance / 2)


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds of a header `Retry-After`, which has a number or a date; None where it has neither. Never negative."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdecimal():
        seconds = float(text.strip()[:20])
        return seconds if math.isfinite(seconds) else None
    try:
        until = parsedate_to_datetime(text)
        # A date without a zone is in UTC, as all dates of HTTP are.
        return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=timezone.utc)) - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
