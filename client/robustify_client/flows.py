"""What is done in which order, without doing it: generators that ask for a request or a pause and are told the answer.

`Client` and `AsyncClient` are two ways to carry these out; everything that is decided is decided here, once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TypeVar

from robustify_client.asking import BATCHES, LONGEST_WAIT, get, get_job
from robustify_client.errors import StillRunning, Unreachable
from robustify_client.message import Answer, Lost, Request
from robustify_client.reading import R, checked, checked_id, read, read_job, read_lines
from robustify_client.records import BatchLine, BatchRecord, JobEvent, JobRecord
from robustify_client.retries import Retries, pause_before_next

LEAST_SECONDS = 0.25
"""Between two looks at a job: a service that does not wait when it is asked to is not asked without end."""
BATCH_SECONDS = 0.5
"""Between two looks at a batch, of which the service tells no end."""
SHORT_WAIT = 0.5
"""Seconds that one request waits for a job whose progress somebody watches."""
T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send this, and tell what came of it."""

    request: Request


@dataclass(frozen=True)
class Pause:
    """Do nothing for so many seconds."""

    seconds: float


Effect = Send | Pause
Reply = Answer | Lost | None
Flow = Generator[Effect, Reply, T]
Clock = Callable[[], float]
OnProgress = Callable[[int, int], None]


def asked(request: Request, retries: Retries, clock: Clock = time.monotonic) -> Flow[Answer]:
    """The answer to a request, sent again as long as that may help; Unreachable where there is none."""
    deadline, attempt, was_lost = clock() + retries.seconds, 0, False
    while True:
        attempt += 1
        reply = yield Send(request)
        assert reply is not None
        pause = pause_before_next(retries, reply, attempt, random.random(), datetime.now(timezone.utc))
        if pause is None or clock() + pause > deadline:
            return ended(request, reply, was_lost, attempt)
        was_lost = was_lost or isinstance(reply, Lost)
        yield Pause(pause)


def ended(request: Request, reply: Answer | Lost, was_lost: bool, attempts: int) -> Answer:
    """The last answer, or the error that there is none."""
    if isinstance(reply, Lost):
        tried = "" if attempts == 1 else f" ({attempts} attempts)"
        raise Unreachable(f"{reply.reason}{tried}") from reply.cause
    # What was deleted by a request whose answer was lost is not there for the next one.
    if request.method == "DELETE" and was_lost and reply.status == 404:
        return replace(reply, status=204, body=b"")
    return reply


def fetched(model: type[R], request: Request, retries: Retries) -> Flow[R]:
    """The record that answers a request."""
    return read(model, (yield from asked(request, retries)))


def done(request: Request, retries: Retries) -> Flow[None]:
    """A request whose answer says nothing but that it was taken."""
    checked((yield from asked(request, retries)))


def bytes_of(request: Request, retries: Retries) -> Flow[bytes]:
    """The body that answers a request."""
    return checked((yield from asked(request, retries))).body


def submitted(request: Request, retries: Retries) -> Flow[JobRecord]:
    """The job of a submission."""
    return read_job((yield from asked(request, retries)))


def finished(
    job: JobRecord,
    seconds: float | None,
    retries: Retries,
    on_progress: OnProgress | None = None,
    clock: Clock = time.monotonic,
) -> Flow[JobRecord]:
    """The job once it is done; StillRunning after so many seconds, where there is a number.

    `on_progress` is told what is done and what there is to do, about once a second.
    """
    deadline = None if seconds is None else clock() + seconds
    longest = LONGEST_WAIT if on_progress is None else SHORT_WAIT
    while not job.done:
        if on_progress is not None:
            on_progress(job.progress.done, job.progress.total)
        left = longest if deadline is None else deadline - clock()
        if left <= 0:
            raise StillRunning(f"job {job.id} is {job.status} after {seconds:g} s: it goes on", job)
        job = yield from looked_at(job, min(left, longest), retries, clock)
    return job


def looked_at(job: JobRecord, wait: float, retries: Retries, clock: Clock = time.monotonic) -> Flow[JobRecord]:
    """The job after so many seconds, or once it is done; where the service does not wait, the pause is ours."""
    began = clock()
    now = read_job((yield from asked(get_job(job.id, wait), retries)))
    if not now.done and (left := min(LEAST_SECONDS, wait) - (clock() - began)) > 0:
        yield Pause(left)
    return now


def batch_finished(
    batch: BatchRecord,
    seconds: float | None,
    retries: Retries,
    on_progress: OnProgress | None = None,
    clock: Clock = time.monotonic,
) -> Flow[BatchRecord]:
    """The batch once all of its images have come to their end; StillRunning as of a job."""
    deadline = None if seconds is None else clock() + seconds
    while not batch.done:
        if on_progress is not None:
            on_progress(batch.progress.done, batch.progress.total)
        if deadline is not None and clock() >= deadline:
            raise StillRunning(f"batch {batch.id} is {batch.status} after {seconds:g} s: it goes on")
        yield Pause(BATCH_SECONDS)
        batch = yield from fetched(BatchRecord, get(BATCHES, batch.id), retries)
    return batch


def taken(request: Request, retries: Retries) -> Flow[BatchRecord]:
    """The batch of a submission, whose id can stand in an address."""
    batch = yield from fetched(BatchRecord, request, retries)
    checked_id(batch.id)
    return batch


def lines_of(request: Request, retries: Retries) -> Flow[tuple[BatchLine, ...]]:
    """What became of the images of a batch."""
    return tuple(read_lines((yield from asked(request, retries))))


def polled(job: JobRecord, retries: Retries) -> Flow[JobEvent]:
    """What a job looks like a moment later, as an event."""
    now = yield from looked_at(job, 1.0, retries)
    return event_of(now)


def event_of(job: JobRecord) -> JobEvent:
    return JobEvent(status=job.status, progress=job.progress, job=job if job.done else None)
