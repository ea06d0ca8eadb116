"""A batch: images that were asked about at once, each with a job of its own."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from adapters.contract.jobs import JobError
from adapters.contract.records import Record, VoteKind


class ImageStatus(StrEnum):
    """How it stands with an image of a batch: as its job does, or it has none."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUSED = "refused"
    """It could not be used, or no job was taken for it: its error says why."""
    FORGOTTEN = "forgotten"
    """Its job ended so long ago that it is kept no more, or was erased."""

    @property
    def done(self) -> bool:
        return self not in (ImageStatus.QUEUED, ImageStatus.RUNNING)


class BatchStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class BatchEntry(Record):
    """One image of a batch. `sha256` is that of the file; None where it was not read. Either `ticket` or `error` is
    there."""

    name: str | None = None
    sha256: str | None = None
    ticket: str | None = None
    error: JobError | None = None


class BatchRecord(Record):
    """A batch as its owner sees it; times are seconds since the epoch."""

    id: str
    owner: str
    kind: VoteKind
    created_at: float
    ended_at: float | None = None
    entries: tuple[BatchEntry, ...]
    statuses: tuple[ImageStatus, ...]
    """In the order of the entries."""

    @property
    def counts(self) -> Mapping[ImageStatus, int]:
        """How many images stand so."""
        return Counter(self.statuses)

    @property
    def done(self) -> int:
        """How many images have come to their end."""
        return sum(status.done for status in self.statuses)

    @property
    def status(self) -> BatchStatus:
        if self.done == len(self.entries):
            return BatchStatus.DONE
        return BatchStatus.QUEUED if set(self.statuses) <= WAITING else BatchStatus.RUNNING


WAITING = frozenset({ImageStatus.QUEUED, ImageStatus.REFUSED})
"""What a batch looks like of which nothing has begun."""


def status_of(entry: BatchEntry, of_job: str) -> ImageStatus:
    """`of_job` is what the board says of its ticket."""
    return ImageStatus.REFUSED if entry.ticket is None else ImageStatus(of_job)
