"""A job as the answer to its submission."""

import re
import time
from dataclasses import dataclass

import anyio
from fastapi import Request, Response

from adapters.contract.jobs import JobRecord
from adapters.contract.records import JobKind
from robustify.errors import QueueUnavailableError
from service.dependencies import Service
from service.jobs.schemas import Job, describe_job, job_path
from service.limits import MAX_WAIT_SECONDS

RETRY_AFTER_SECONDS = {JobKind.PREDICT: 1, JobKind.CERTIFY: 2, JobKind.ADAPT: 5}
SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
FIRST_PAUSE_SECONDS = 0.015
LONGEST_PAUSE_SECONDS = 0.1
PAUSE_GROWTH = 1.2


@dataclass(frozen=True)
class PreferredWait:
    """Seconds to wait; `applied` is the preference that was honoured, if the client had one."""

    seconds: float
    applied: str | None = None


async def answer(
    request: Request, response: Response, service: Service, record: JobRecord, default_seconds: int
) -> Job:
    """Waits for the job as long as the client prefers: 200 when it is done by then, else 202."""
    wait = preferred_wait(request, default_seconds)
    record = await wait_until_done(service, record, wait.seconds, request)
    set_headers(response, record, wait)
    if not record.status.done:
        response.status_code = 202
        response.headers["Location"] = job_path(record.id)
    return describe_job(record)


def set_headers(response: Response, record: JobRecord, wait: PreferredWait) -> None:
    """What was made of the client's wish to wait, and when to look again."""
    if wait.applied:
        response.headers["Preference-Applied"] = wait.applied
    if not record.status.done:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS[record.request.kind])


def preferred_wait(request: Request, default_seconds: int) -> PreferredWait:
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
        return PreferredWait(seconds, f"wait={seconds:g}")
    return PreferredWait(0, "respond-async") if "respond-async" in preferences else PreferredWait(default_seconds)


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
