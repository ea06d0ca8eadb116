"""What is known of a job or a batch since the service was last asked, whichever way it is asked."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from robustify_client.errors import StillRunning
from robustify_client.reading import result_of
from robustify_client.records import AnyResult, BatchRecord, JobEvent, JobRecord, Progress

A = TypeVar("A", bound=AnyResult)


class HeardJob(Generic[A]):
    """A job; `record` is what was last heard of it."""

    record: JobRecord

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}: {self.record.kind}, {self.status}>"

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def status(self) -> str:
        return self.record.status

    @property
    def done(self) -> bool:
        """Whether it has come to its end, whatever that is."""
        return self.record.done

    @property
    def progress(self) -> Progress:
        return self.record.progress

    @property
    def result(self) -> A:
        """What it answers. StillRunning before its end, JobError where it came to nothing."""
        if not self.done:
            raise StillRunning(f"job {self.id} is {self.status}: wait() for it", self.record)
        # The kind that was asked for decides the type, which the type checker cannot know.
        return cast(A, result_of(self.record))

    def hear(self, event: JobEvent) -> None:
        """Take in what an event says."""
        moved = {"status": event.status, "progress": event.progress}
        self.record = event.job or self.record.model_copy(update=moved)


class HeardBatch:
    """Images that were asked about at once; `record` is what was last heard of them."""

    record: BatchRecord

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}: {self.record.kind}, {self.record.status}>"

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def done(self) -> bool:
        """Whether all images have come to their end."""
        return self.record.done

    @property
    def progress(self) -> Progress:
        return self.record.progress
