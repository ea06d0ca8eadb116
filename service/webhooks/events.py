"""What a webhook says: that a job or a batch has come to its end, and where to read more.

Never labels that were asked about, votes or certificates: a receiver may be anybody's, and has to ask for these with a
key.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from adapters.contract.batch import BatchRecord, BatchStatus
from adapters.contract.jobs import JobRecord, JobStatus
from adapters.contract.records import JobKind, Record
from adapters.contract.results import brief
from service.batches.schemas import batch_path, counts_of
from service.jobs.schemas import iso_time, job_path

BATCH_DONE = "batch.done"


class EventLinks(Record):
    """Where to read it, with a key."""

    self: str


class JobEventData(Record):
    """Of a job. `outcome` and `label` are those of its result, and `radius` that of a certificate; else null."""

    id: str
    kind: JobKind
    status: JobStatus
    outcome: str | None = None
    label: str | None = None
    radius: float | None = None
    links: EventLinks


class BatchEventData(Record):
    """Of a batch. `counts` is how many images ended how."""

    id: str
    kind: JobKind
    status: Literal[BatchStatus.DONE] = BatchStatus.DONE
    counts: Mapping[str, int]
    links: EventLinks


class Event(Record):
    """As Standard Webhooks has it."""

    type: str = Field(description="`job.` and the status, or `batch.done`.")
    timestamp: str = Field(description="When it was sent.")
    data: JobEventData | BatchEventData


def event_of(about: JobRecord | BatchRecord, now: datetime, root_path: str) -> Event:
    """`root_path` is where the service is shown."""
    timestamp = iso_time(now.timestamp())
    if isinstance(about, BatchRecord):
        return Event(type=BATCH_DONE, timestamp=timestamp, data=batch_data(about, root_path))
    return Event(type=f"job.{about.status}", timestamp=timestamp, data=job_data(about, root_path))


def job_data(job: JobRecord, root_path: str) -> JobEventData:
    return JobEventData(
        id=job.id,
        kind=job.request.kind,
        status=job.status,
        **brief(job.result)._asdict(),
        links=EventLinks(self=f"{root_path}{job_path(job.id)}"),
    )


def batch_data(batch: BatchRecord, root_path: str) -> BatchEventData:
    links = EventLinks(self=f"{root_path}{batch_path(batch.id)}")
    return BatchEventData(id=batch.id, kind=batch.kind, counts=counts_of(batch), links=links)
