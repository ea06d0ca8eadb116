"""What is known of a job that goes on, beside its record: its place in line, and the votes that may be watched."""

from dataclasses import dataclass

import anyio.to_thread

from adapters.contract.jobs import JobRecord, JobStatus
from adapters.contract.live_votes import live_votes, may_be_watched
from adapters.contract.results import LabelVotes
from robustify.errors import QueueUnavailableError
from service.dependencies import Service


@dataclass(frozen=True)
class Following:
    """`place` is 1 for the job that begins next; None for a job that has begun. `votes` are None where they may not be
    watched, or there are none yet."""

    place: int | None = None
    votes: tuple[LabelVotes, ...] | None = None


NOTHING_BESIDE = Following()


async def following(service: Service, record: JobRecord) -> Following:
    """Read without holding up other requests."""
    if record.status is JobStatus.QUEUED or (record.status is JobStatus.RUNNING and may_be_watched(record.request)):
        return await anyio.to_thread.run_sync(looked_up, service, record)
    return NOTHING_BESIDE


def looked_up(service: Service, record: JobRecord) -> Following:
    """Nothing where the queue does not tell: the job is shown without it."""
    try:
        if record.status is JobStatus.QUEUED:
            ahead = service.board.ahead(record.id, record.owner)
            return Following(place=None if ahead is None else ahead + 1)
        counted = service.board.watched_votes(record.id, record.owner)
        return Following(votes=None if counted is None else live_votes(record.vote_request, counted))
    except QueueUnavailableError:
        return NOTHING_BESIDE
