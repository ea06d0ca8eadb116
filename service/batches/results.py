"""The results of a batch, one line of JSON for each image, in their order."""

from collections.abc import AsyncIterator

import anyio.to_thread

from adapters.contract.batch import BatchEntry, BatchRecord, ImageStatus
from adapters.contract.jobs import JobError, JobRecord
from adapters.contract.results import AdaptResult
from service.batches.schemas import BatchLine
from service.dependencies import Service
from service.errors import UNKNOWN_JOB, problem_type
from service.jobs.schemas import describe_error

NDJSON = "application/x-ndjson"
FORGOTTEN = JobError(type=UNKNOWN_JOB.type, title=UNKNOWN_JOB.title, detail=UNKNOWN_JOB.detail)


async def result_lines(service: Service, batch: BatchRecord) -> AsyncIterator[bytes]:
    """Each job is read when its line is to be sent, so that no more than one is in memory."""
    for index, entry in enumerate(batch.entries):
        line = await anyio.to_thread.run_sync(line_of, service, batch.owner, index, entry)
        yield as_json(line)


def line_of(service: Service, owner: str, index: int, entry: BatchEntry) -> BatchLine:
    about = {"index": index, "name": entry.name, "sha256": entry.sha256, "job": entry.ticket}
    if entry.ticket is None:
        error = None if entry.error is None else described(entry.error)
        return BatchLine.model_validate({**about, "status": ImageStatus.REFUSED, "error": error})
    record = service.board.held(entry.ticket, owner)
    if record is None:
        return BatchLine.model_validate({**about, "status": ImageStatus.FORGOTTEN, "error": FORGOTTEN})
    return BatchLine.model_validate({**about, **outcome_of(record)})


def outcome_of(record: JobRecord) -> dict[str, object]:
    """What a line says of a job."""
    assert not isinstance(record.result, AdaptResult)
    error = None if record.error is None else describe_error(record.error)
    return {"status": ImageStatus(record.status), "result": record.result, "error": error}


def described(error: JobError) -> JobError:
    return error.model_copy(update={"type": problem_type(error.type)})


def as_json(line: BatchLine) -> bytes:
    """What is null in a result is shown; a line without one does not have the name."""
    missing = {name for name in ("result", "error") if getattr(line, name) is None}
    return line.model_dump_json(exclude=missing).encode() + b"\n"
