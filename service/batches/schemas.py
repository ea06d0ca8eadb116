"""A batch as clients see it, and the lines of its results."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from adapters.contract.batch import BatchRecord, BatchStatus, ImageStatus
from adapters.contract.example import FILE_DIGEST, JOB_ID
from adapters.contract.jobs import JobError
from adapters.contract.records import JobKind, VoteKind
from adapters.contract.results import AnyVoted
from service.jobs.schemas import iso_time

BATCH_ID = "b4k7m1x9q2w8e5r3t6y0u1i2o3"
BATCH_PATH = f"/batches/{BATCH_ID}"


class BatchProgress(BaseModel):
    """Of all images of a batch."""

    done: int = Field(description="Images that have come to their end, whatever that is.", examples=[3])
    total: int = Field(description="Images of the batch.", examples=[4])
    unit: Literal["images"] = "images"


class BatchLinks(BaseModel):
    """Where to read, fetch and cancel it."""

    self: str = Field(examples=[BATCH_PATH])
    results: str = Field(description="One line of JSON for each image.", examples=[f"{BATCH_PATH}/results"])
    cancel: str = Field(description="DELETE it.", examples=[BATCH_PATH])


class Batch(BaseModel):
    """Images that were asked about at once. Times are ISO 8601 in UTC."""

    id: str = Field(examples=[BATCH_ID])
    kind: VoteKind = Field(description="What is asked of each image.", examples=["certify"])
    status: BatchStatus = Field(
        description="`queued` until an image is begun, `done` when all have come to their end.", examples=["running"]
    )
    done: bool = Field(description="Whether all images have come to their end.", examples=[False])
    created_at: str = Field(examples=["2026-11-29T17:50:35.123Z"])
    ended_at: str | None = Field(description="Null until it is done.", examples=[None])
    progress: BatchProgress
    counts: Mapping[str, int] = Field(
        description="How many images stand how: by the status of their job; `refused` where there is none; `forgotten` "
        "where it is kept no more.",
        examples=[{"succeeded": 2, "running": 1, "refused": 1}],
    )
    refused: int = Field(description="Images for which no job was taken: their lines say why.", examples=[1])
    links: BatchLinks


class BatchPage(BaseModel):
    """The latest batches first."""

    data: Sequence[Batch]
    has_more: bool = Field(description="Whether there are more: ask on with `after`.", examples=[False])
    last_id: str | None = Field(description="What to give as `after` for the next page.", examples=[BATCH_ID])


class BatchLine(BaseModel):
    """What became of one image. `result` is there when its job succeeded, `error` when it failed or was refused."""

    index: int = Field(description="Its place in the batch, from 0.", examples=[0])
    name: str | None = Field(description="As it was sent, if it had one.", examples=["horse.png"])
    sha256: str | None = Field(description="Of the file; null where it was not read.", examples=[FILE_DIGEST])
    job: str | None = Field(description="Its job: see /jobs. Null where it was refused.", examples=[JOB_ID])
    status: ImageStatus = Field(examples=["succeeded"])
    result: AnyVoted | None = Field(None, description="Left out while there is none.")
    error: JobError | None = Field(None, description="Left out where there is none.")


def describe_batch(batch: BatchRecord, root_path: str) -> Batch:
    """What a client sees of a batch; `root_path` is where the service is shown."""
    path = f"{root_path}{batch_path(batch.id)}"
    return Batch(
        id=batch.id,
        kind=batch.kind,
        status=batch.status,
        done=batch.status is BatchStatus.DONE,
        created_at=iso_time(batch.created_at),
        ended_at=None if batch.ended_at is None else iso_time(batch.ended_at),
        progress=BatchProgress(done=batch.done, total=len(batch.entries)),
        counts=counts_of(batch),
        refused=batch.counts.get(ImageStatus.REFUSED, 0),
        links=BatchLinks(self=path, results=f"{path}/results", cancel=path),
    )


def counts_of(batch: BatchRecord) -> dict[str, int]:
    """By status, without those that no image has."""
    return {status.value: batch.counts[status] for status in ImageStatus if status in batch.counts}


def batch_path(batch_id: str) -> str:
    return f"/batches/{batch_id}"


def kind_of(text: object) -> VoteKind | None:
    """The kind that a field names; None for any other."""
    return next((kind for kind in (JobKind.PREDICT, JobKind.CERTIFY) if kind == text), None)
