"""A job's progress as server-sent events, until it is done."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from fastapi.sse import ServerSentEvent

from adapters.contract.jobs import JobRecord, JobStatus
from adapters.queue.changes import LONGEST_SECONDS
from robustify.errors import QueueUnavailableError
from service.dependencies import Service
from service.jobs.answering import either
from service.jobs.following import NOTHING_BESIDE, Following, following
from service.jobs.schemas import JobProgress, describe_job, describe_progress
from service.stopping import Stopping

DONE_ID = "done"
EVENT_ID = re.compile("[0-9]{1,9}")
PAUSE_SECONDS = 0.2


async def job_events(
    service: Service, first: JobRecord, last_event_id: str | None, stopping: Stopping, root_path: str = ""
) -> AsyncIterator[ServerSentEvent]:
    """`progress` whenever the samples, the stage, the status or the place in line change, then `done` with the whole
    job.

    The id of a progress event is its number of samples or steps: a client that comes back gets only what it has not
    seen. The stream ends without `done` when the service stops, the queue does not answer or the job is forgotten; a
    client that comes back is told so. `root_path` is where the service is shown.
    """
    record: JobRecord | None = first
    beside = NOTHING_BESIDE
    seen = Seen(first.status, first.stage, last_seen_samples(last_event_id))
    with service.changes.watching(first.job, each=True) as watch:
        while record is not None and not record.status.done and not stopping.is_set:
            now = Seen(record.status, record.stage, record.samples_done)
            if record.status is JobStatus.QUEUED or now != seen:
                beside = await following(service, record)
                now = replace(now, place=beside.place)
            if now != seen:
                yield progress_event(record, beside)
                # No more often than people can read; but that it begins is no news to wait after.
                if record.status is not JobStatus.QUEUED:
                    await stopping.pause(PAUSE_SECONDS)
            seen = now
            await either(watch.change(LONGEST_SECONDS), stopping.wait())
            record = await state_now(service, record)
    if record is not None and not record.status.done:
        return
    if record is not None:
        yield ServerSentEvent(event="done", id=DONE_ID, data=describe_job(record, root_path))


@dataclass(frozen=True)
class Seen:
    """What the last progress event said."""

    status: JobStatus
    stage: str | None
    samples: int
    place: int | None = None


def last_seen_samples(last_event_id: str | None) -> int:
    """What the id of the last progress event says; -1 where there is none."""
    return int(last_event_id) if last_event_id and EVENT_ID.fullmatch(last_event_id) else -1


def progress_event(record: JobRecord, beside: Following) -> ServerSentEvent:
    data = JobProgress(status=record.status, progress=describe_progress(record, beside))
    return ServerSentEvent(event="progress", id=str(record.samples_done), data=data)


async def state_now(service: Service, record: JobRecord) -> JobRecord | None:
    try:
        return await service.job(record.id, record.owner)
    except QueueUnavailableError:
        return None
