"""A job as the answer to its submission."""

import re
import time
from collections.abc import Awaitable
from dataclasses import dataclass

import anyio
from fastapi import Request, Response

from adapters.contract.jobs import JobRecord
from adapters.contract.records import JobKind
from adapters.queue.asking import Admission
from robustify.errors import QueueUnavailableError
from service.access.prefix import prefixed
from service.dependencies import Service
from service.jobs.schemas import Job, describe_job, job_path
from service.limits import MAX_WAIT_SECONDS
from service.notes import notes_of
from service.stopping import stopping_of

RETRY_AFTER_SECONDS = {JobKind.PREDICT: 1, JobKind.PREVIEW: 1, JobKind.CERTIFY: 2, JobKind.ADAPT: 5}
SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True)
class PreferredWait:
    """Seconds to wait; `applied` is the preference that was honoured, if the client had one."""

    seconds: float
    applied: str | None = None


async def answer(
    request: Request, response: Response, service: Service, admission: Admission, default_seconds: int
) -> Job:
    """Waits for the job as long as the client prefers: 200 when it is done by then, else 202."""
    notes_of(request.scope).note_job(admission.record)
    wait = preferred_wait(request, default_seconds)
    record = await wait_until_done(service, admission.record, wait.seconds, request)
    if not record.status.done:
        await service.kept.be_sure()
    set_headers(response, record, wait)
    if admission.is_replayed:
        response.headers["Idempotent-Replayed"] = "true"
    if not record.status.done:
        response.status_code = 202
        response.headers["Location"] = prefixed(request, job_path(record.id))
    return describe_job(record, prefixed(request, ""))


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
    """The job when it is done, or as it is when the time is over, the client gone or the service about to stop."""
    deadline, stopping = time.monotonic() + seconds, stopping_of(request)
    with service.changes.watching(record.job) as watch:
        while not record.status.done and (left := deadline - time.monotonic()) > 0:
            record = await latest(service, record)
            if record.status.done or stopping.is_set or await request.is_disconnected():
                break
            await either(watch.change(left), stopping.wait())
    return record


async def either(*waits: Awaitable[None]) -> None:
    """Returns when one of them does, and ends the others."""
    async with anyio.create_task_group() as group:

        async def first(wait: Awaitable[None]) -> None:
            await wait
            group.cancel_scope.cancel()

        for wait in waits:
            group.start_soon(first, wait)


async def latest(service: Service, record: JobRecord) -> JobRecord:
    """The job's present state; the one known before if the queue does not answer, since the job is accepted."""
    try:
        return await service.job(record.id, record.owner) or record
    except QueueUnavailableError:
        return record
