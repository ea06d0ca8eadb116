"""A job and a batch that can be waited for, followed and canceled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from robustify_client.asking import BATCHES, JOBS, delete, get, get_job
from robustify_client.connection import Connection
from robustify_client.flows import OnProgress, batch_finished, bytes_of, done, finished, lines_of, submitted, taken
from robustify_client.heard import A, HeardBatch, HeardJob
from robustify_client.records import BatchLine, BatchRecord, JobEvent, JobRecord
from robustify_client.retries import NO_RETRIES


class Job(HeardJob[A]):
    """A job of the service."""

    def __init__(self, connection: Connection, record: JobRecord) -> None:
        self.connection = connection
        self.record = record

    def wait(self, timeout: float | None = None, on_progress: OnProgress | None = None) -> A:
        """Its result once it is done. StillRunning after `timeout` seconds; the job goes on then.

        `on_progress` is told what is done and what there is to do, until it is done.
        """
        retries = self.connection.retries
        self.record = self.connection.run(finished(self.record, timeout, retries, on_progress))
        return self.result

    def refresh(self) -> Job[A]:
        """Itself, as it is now."""
        self.record = self.connection.run(submitted(get_job(self.id), self.connection.retries))
        return self

    def events(self) -> Iterator[JobEvent]:
        """Whatever moves, until it is done; over lost connections, and without a stream of events if need be."""
        for event in self.connection.events(self.record):
            self.hear(event)
            yield event

    def cancel(self, timeout: float | None = None) -> Job[A]:
        """Itself, canceled for this caller, or as it ended before.

        With `timeout` it is asked once, for so many seconds.
        """
        retries = self.connection.retries if timeout is None else NO_RETRIES
        self.record = self.connection.run(submitted(replace(delete(JOBS, self.id), seconds=timeout), retries))
        return self

    def forget(self) -> None:
        """Remove it with its result from the service."""
        self.connection.run(done(delete(JOBS, self.id, "data"), self.connection.retries))

    def certificate(self) -> bytes:
        """The signed document of a certificate, as a file."""
        return self.connection.run(bytes_of(get(JOBS, self.id, "certificate.json"), self.connection.retries))

    def picture(self, name: str) -> bytes:
        """The PNG file of a picture of a preview: `canonical`, `noisy`, `denoised`, or of a change `difference`."""
        return self.connection.run(bytes_of(get(JOBS, self.id, "pictures", name), self.connection.retries))


class Batch(HeardBatch):
    """A batch of the service."""

    def __init__(self, connection: Connection, record: BatchRecord) -> None:
        self.connection = connection
        self.record = record

    def wait(self, timeout: float | None = None, on_progress: OnProgress | None = None) -> tuple[BatchLine, ...]:
        """What became of each image, in order, once all have come to their end.

        StillRunning after `timeout` seconds.
        """
        retries = self.connection.retries
        self.record = self.connection.run(batch_finished(self.record, timeout, retries, on_progress))
        return self.results()

    def results(self) -> tuple[BatchLine, ...]:
        """What is known of each image now."""
        return self.connection.run(lines_of(get(BATCHES, self.id, "results"), self.connection.retries))

    def refresh(self) -> Batch:
        """Itself, as it is now."""
        self.record = self.connection.run(taken(get(BATCHES, self.id), self.connection.retries))
        return self

    def cancel(self) -> Batch:
        """Itself; those of its jobs that are not done are canceled."""
        self.record = self.connection.run(taken(delete(BATCHES, self.id), self.connection.retries))
        return self
