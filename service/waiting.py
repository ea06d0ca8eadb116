"""How long a client wants to wait for an answer (`Prefer`, RFC 7240), and waiting for so long."""

import re
import time
from dataclasses import dataclass

import anyio
from fastapi import Request

from adapters.queue.messages import JobRecord
from robustify.errors import QueueUnavailableError
from service.dependencies import Service
from service.limits import MAX_WAIT_SECONDS

SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
FIRST_PAUSE_SECONDS = 0.015
LONGEST_PAUSE_SECONDS = 0.1
PAUSE_GROWTH = 1.2


@dataclass(frozen=True)
class Wait:
    """Seconds to wait; `applied` is the preference that was honoured, if the client had one."""

    seconds: float
    applied: str | None = None


def preferred_wait(request: Request, default_seconds: int) -> Wait:
    """`wait=N`, capped; `respond-async` alone is no wait; what is not understood is ignored, as the RFC asks.

    Parts of a second are understood too.
    """
    preferences: dict[str, str] = {}
    for preference in ",".join(request.headers.getlist("prefer")).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        preferences.setdefault(name.strip().lower(), value.strip().strip('"'))
    wanted = preferences.get("wait", "")
    if SECONDS.fullmatch(wanted):
        seconds = min(float(wanted), MAX_WAIT_SECONDS)
        return Wait(seconds, f"wait={seconds:g}")
    return Wait(0, "respond-async") if "respond-async" in preferences else Wait(default_seconds)


async def wait_until_done(service: Service, record: JobRecord, seconds: float, request: Request) -> JobRecord:
    """The job when it is done, or as it is when the time is over or the client gone."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while not record.status.done and time.monotonic() < deadline and not await request.is_disconnected():
        await anyio.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)
        record = await latest(service, record)
    return record


async def latest(service: Service, record: JobRecord) -> JobRecord:
    """The job's present state; the one known before if the queue does not answer, since the job is accepted."""
    try:
        return await service.job(record.id) or record
    except QueueUnavailableError:
        return record
