"""A job and a batch on an event loop: the twins of those in `handles.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from robustify_client.asking import BATCHES, JOBS, delete, get, get_job
from robustify_client.async_connection import AsyncConnection
from robustify_client.flows import OnProgress, batch_finished, bytes_of, done, finished, lines_of, submitted, taken
from robustify_client.heard import A, HeardBatch, HeardJob
from robustify_client.records import BatchLine, BatchRecord, JobEvent, JobRecord
from robustify_client.retries import NO_RETRIES


class AsyncJob(HeardJob[A]):
    """A job of the service."""

    def __init__(self, connection: AsyncConnection, record: JobRecord) -> None:
        self.connection = connection
        self.record = record

    async def wait(self, timeout: float | None = None, on_progress: OnProgress | None = None) -> A:
        """Its result once it is done. StillRunning after `timeout` seconds; the job goes on then.

        `on_progress` is told what is done and what there is to do, until it is done.
        """
        retries = self.connection.retries
        self.record = await self.connection.run(finished(self.record, timeout, retries, on_progress))
        return self.result

    async def refresh(self) -> AsyncJob[A]:
        """Itself, as it is now."""
        self.record = await self.connection.run(submitted(get_job(self.id), self.connection.retries))
        return self

    async def events(self) -> AsyncIterator[JobEvent]:
        """Whatever moves, until it is done; over lost connections, and without a stream of events if need be."""
        async for event in self.connection.events(self.record):
            self.hear(event)
            yield event

    async def cancel(self, timeout: float | None = None) -> AsyncJob[A]:
        """Itself, canceled for this caller, or as it ended before.

        With `timeout` it is asked once, for so many seconds.
        """
        retries = self.connection.retries if timeout is None else NO_RETRIES
        self.record = await self.connection.run(submitted(replace(delete(JOBS, self.id), seconds=timeout), retries))
        return self

    async def forget(self) -> None:
        """Remove it with its result from the service."""
        await self.connection.run(done(delete(JOBS, self.id, "data"), self.connection.retries))

    async def certificate(self) -> bytes:
        """The signed document of a certificate, as a file."""
        return await self.connection.run(bytes_of(get(JOBS, self.id, "certificate.json"), self.connection.retries))

    async def picture(self, name: str) -> bytes:
        """The PNG file of a picture of a preview: `canonical`, `noisy`, `denoised`, or of a change `difference`."""
        return await self.connection.run(bytes_of(get(JOBS, self.id, "pictures", name), self.connection.retries))


class AsyncBatch(HeardBatch):
    """A batch of the service."""

    def __init__(self, connection: AsyncConnection, record: BatchRecord) -> None:
        self.connection = connection
        self.record = record

    async def wait(self, timeout: float | None = None, on_progress: OnProgress | None = None) -> tuple[BatchLine, ...]:
        """What became of each image, in order, once all have come to their end.

        StillRunning after `timeout` seconds.
        """
        retries = self.connection.retries
        self.record = await self.connection.run(batch_finished(self.record, timeout, retries, on_progress))
        return await self.results()

    async def results(self) -> tuple[BatchLine, ...]:
        """What is known of each image now."""
        return await self.connection.run(lines_of(get(BATCHES, self.id, "results"), self.connection.retries))

    async def refresh(self) -> AsyncBatch:
        """Itself, as it is now."""
        self.record = await self.connection.run(taken(get(BATCHES, self.id), self.connection.retries))
        return self

    async def cancel(self) -> AsyncBatch:
        """Itself; those of its jobs that are not done are canceled."""
        self.record = await self.connection.run(taken(delete(BATCHES, self.id), self.connection.retries))
        return self
