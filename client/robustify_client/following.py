"""How the events of a job are followed: over a stream that may break at any time, else by asking again and again.

It decides, and reads what came; it sends nothing.
"""

from __future__ import annotations

from enum import Enum

from httpx2 import ServerSentEvent

from robustify_client.asking import get_events
from robustify_client.message import Answer, Lost, Request
from robustify_client.reading import ID, checked
from robustify_client.records import JobEvent, JobRecord, Progress, Record
from robustify_client.retries import Retries, backed_off

STREAM = "text/event-stream"
MOST_EVENT_BYTES = 16 << 20
"""Of one event: the last one has the whole job, with its certificate."""
MOST_BREAKS = 4
"""Streams in a row that end without anything new: then it is asked instead."""
PROGRESS, DONE = "progress", "done"


class Told(Record):
    """What an event says while the job is not done."""

    status: str
    progress: Progress


class Source(Enum):
    """Where the next event comes from."""

    STREAM = "a stream"
    ASKING = "asking for the job"
    NOTHING = "there is none: the job is done"


class Following:
    """One job that is followed from its first event to its last."""

    def __init__(self, job: JobRecord, retries: Retries) -> None:
        self.job = job
        self.retries = retries
        self.source = Source.NOTHING if job.done else Source.STREAM
        self.last_event_id: str | None = None
        self.breaks = 0

    def request(self) -> Request:
        """That opens the stream where it was lost."""
        return get_events(self.job.id, self.last_event_id)

    def opened(self, reply: Answer | Lost) -> bool:
        """Whether it is a stream that can be listened to. Raises the error that an answer is."""
        if isinstance(reply, Lost) or reply.status in (429, 502, 503, 504):
            return False
        if reply.status == 200 and reply.headers.get("content-type", "").partition(";")[0].strip().lower() == STREAM:
            return True
        # 204: there is nothing more to come. Anything else that is no error is no stream, and never will be.
        self.source = Source.ASKING
        checked(reply)
        return False

    def heard(self, event: ServerSentEvent) -> JobEvent | None:
        """What an event says, None where it is of a kind that is not known; ValueError where it cannot be read."""
        if event.event == DONE:
            job = JobRecord.model_validate_json(event.data)
            if job.id != self.job.id or not job.done:
                raise ValueError("the last event is of another job, or of one that is not done")
            self.source = Source.NOTHING
            return JobEvent(status=job.status, progress=job.progress, job=job)
        if event.event != PROGRESS:
            return None
        told = Told.model_validate_json(event.data)
        self.breaks = 0
        if ID.fullmatch(event.id):
            self.last_event_id = event.id
        return JobEvent(status=told.status, progress=told.progress)

    def broken(self, chance: float) -> float:
        """Seconds to wait after a stream that ended without its last event, or that could not be read."""
        self.breaks += 1
        if self.breaks >= MOST_BREAKS:
            self.source = Source.ASKING
        return backed_off(self.retries, self.breaks, chance)

    def asked(self, event: JobEvent) -> JobEvent | None:
        """The event, if it says something new."""
        if event.job is not None:
            self.source = Source.NOTHING
            return event
        told = (event.status, event.progress)
        is_new = told != (self.job.status, self.job.progress)
        self.job = self.job.model_copy(update={"status": event.status, "progress": event.progress})
        return event if is_new else None
