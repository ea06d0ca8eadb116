"""A job as clients see it: one schema for each kind, told apart by `kind`."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, Json, RootModel

from adapters.contract.abstention import advice_of
from adapters.contract.effective import (
    EffectiveAdapt,
    EffectiveCertify,
    EffectivePredict,
    EffectivePreview,
    effective,
)
from adapters.contract.example import JOB_ID
from adapters.contract.jobs import JobError, JobRecord, JobRequest, JobStatus
from adapters.contract.records import JobKind
from adapters.contract.results import (
    AdaptResult,
    AnyCertifyResult,
    LabelVotes,
    Picture,
    PictureName,
    PredictResult,
    PreviewResult,
    Result,
)
from service.errors import problem_type
from service.jobs.following import NOTHING_BESIDE, Following

Place = Annotated[
    int | None,
    Field(
        description="Of a job that waits: 1 where it begins next, if no others come; null once it begins.",
        examples=[None, 3],
    ),
]
SecondsLeft = Annotated[
    float | None,
    Field(
        description="An estimate by its speed so far; null while there is none, and at the end.", examples=[None, 42.0]
    ),
]


class Progress(BaseModel):
    """Of a job that is about an image."""

    done: int = Field(description="Samples that are done.", examples=[10025])
    total: int = Field(description="Samples planned, at most.", examples=[10100])
    unit: Literal["samples"] = "samples"
    place: Place = None
    seconds_left: SecondsLeft = None
    votes: Sequence[LabelVotes] | None = Field(
        None,
        description="Those so far of the phase that decides, in the order of the labels, while the job runs: only "
        "where they may be looked at before the end, as those of a sequential prediction may, and those of a "
        "certificate with a target or a tolerance. Who has seen them is charged as for the answer.",
        examples=[None, [{"label": "cat", "count": 2}, {"label": "horse", "count": 48}]],
    )


class AdaptProgress(BaseModel):
    """Of an adaptation."""

    done: int = Field(description="Steps that are done.", examples=[300])
    total: int = Field(description="Steps of all stages together.", examples=[300])
    unit: Literal["steps"] = "steps"
    stage: str | None = Field(description="What it is at; null before it begins.", examples=["evaluate"])
    place: Place = None
    seconds_left: SecondsLeft = None


Advice = Annotated[
    str | None,
    Field(
        description="Of a job that succeeded without an answer: why, and what would help, in a sentence.",
        examples=[None, "No label is far enough ahead: a larger n may tell them apart."],
    ),
]
AnyProgress = Annotated[Progress | AdaptProgress, Field(discriminator="unit")]


class Links(BaseModel):
    """Where to read, follow and cancel it."""

    self: str = Field(examples=[f"/jobs/{JOB_ID}"])
    events: str = Field(examples=[f"/jobs/{JOB_ID}/events"])
    cancel: str = Field(description="DELETE it.", examples=[f"/jobs/{JOB_ID}"])


class JobState(BaseModel):
    """Which job it is, and how far. Wait for `done`, not for a certain status. Times are ISO 8601 in UTC."""

    id: str = Field(examples=[JOB_ID])
    kind: JobKind = Field(examples=["predict"])
    status: JobStatus = Field(examples=["succeeded"])
    done: bool = Field(description="Whether it has come to its end, whatever that is.", examples=[True])
    created_at: str = Field(examples=["2026-11-29T17:50:35.123Z"])
    started_at: str | None = Field(description="Null while it waits.", examples=["2026-11-29T17:50:35.170Z"])
    ended_at: str | None = Field(description="Null until it is done.", examples=["2026-11-29T17:50:36.470Z"])
    progress: AnyProgress


class AnyJob(JobState):
    """What every job has."""

    params: EffectivePredict | EffectiveCertify | EffectivePreview | EffectiveAdapt
    result: Result | None = Field(description="Null unless the job succeeded.")
    error: JobError | None = Field(description="Why it failed; null unless it did.", examples=[None])
    links: Links


class PredictJob(AnyJob):
    """A prediction. An abstention is a result of a job that succeeded."""

    kind: Literal[JobKind.PREDICT] = JobKind.PREDICT
    progress: Progress = Field(examples=[{"done": 25, "total": 100, "unit": "samples"}])
    params: EffectivePredict
    result: PredictResult | None = Field(description="Null unless the job succeeded.")
    advice: Advice = None


class CertifyJob(AnyJob):
    """A certificate. An abstention is a result of a job that succeeded."""

    kind: Literal[JobKind.CERTIFY] = JobKind.CERTIFY
    progress: Progress
    params: EffectiveCertify
    advice: Advice = None
    result: AnyCertifyResult | None = Field(
        description="Null unless the job succeeded. Of several label sets it has an answer for each."
    )


class ShownPicture(Picture):
    """A picture of a preview, and where it is."""

    href: str = Field(
        description="GET it, with the key of the job.", examples=[f"/jobs/{JOB_ID}/pictures/{PictureName.CANONICAL}"]
    )


class ShownPreview(PreviewResult):
    """What the models see of an image. It is no answer: it is counted nowhere, and no certificate rests on it."""

    pictures: tuple[ShownPicture, ...] = Field(
        description="PNG files of 8 bits per channel: the canonical image, the noisy copy and its denoised version, "
        "and where the image was changed the difference; values outside of [0, 1] are shown as the end that they are "
        "beyond."
    )


class PreviewJob(AnyJob):
    """What the models see of an image."""

    kind: Literal[JobKind.PREVIEW] = JobKind.PREVIEW
    progress: Progress = Field(examples=[{"done": 2, "total": 2, "unit": "samples"}])
    params: EffectivePreview
    result: ShownPreview | None = Field(description="Null unless the job succeeded.")


class AdaptJob(AnyJob):
    """An adaptation."""

    kind: Literal[JobKind.ADAPT] = JobKind.ADAPT
    progress: AdaptProgress
    params: EffectiveAdapt
    result: AdaptResult | None = Field(description="Null unless the job succeeded.")


class Job(RootModel[Annotated[PredictJob | CertifyJob | PreviewJob | AdaptJob, Field(discriminator="kind")]]):
    """One piece of queued work; `kind` says which."""


class JobProgress(BaseModel):
    """What a progress event says."""

    status: JobStatus = Field(examples=["running"])
    progress: AnyProgress = Field(examples=[{"done": 400, "total": 10100, "unit": "samples"}])


class ProgressEvent(BaseModel):
    """While the job waits and runs."""

    event: Literal["progress"]
    id: str = Field(description="The number of samples or steps that are done.", examples=["400"])
    data: Json[JobProgress] = Field(description="As JSON.")


class DoneEvent(BaseModel):
    """The last one."""

    event: Literal["done"]
    id: Literal["done"]
    data: Json[Job] = Field(description="The whole job, as JSON.")


class Event(RootModel[Annotated[ProgressEvent | DoneEvent, Field(discriminator="event")]]):
    """One of a stream of server-sent events."""


def describe_job(record: JobRecord, root_path: str = "", beside: Following = NOTHING_BESIDE) -> Job:
    """What a client sees of a job; `root_path` is where the service is shown."""
    fields: dict[str, object] = {"params": effective(record.request), "result": shown_result(record, root_path)}
    if isinstance(record.request, JobRequest):
        fields["advice"] = advice_of(record.result)
    return Job.model_validate({**state_fields(record, root_path, beside), **fields})


def shown_result(record: JobRecord, root_path: str) -> object:
    """As it is; a preview's with the places of its pictures."""
    result = record.result
    if not isinstance(result, PreviewResult):
        return result
    pictures = [
        {**picture.model_dump(), "href": f"{root_path}{picture_path(record.id, picture.name)}"}
        for picture in result.pictures
    ]
    return {**result.model_dump(), "pictures": pictures}


def state_fields(record: JobRecord, root_path: str, beside: Following = NOTHING_BESIDE) -> dict[str, object]:
    """Those of JobState, and what every description of a job ends with."""
    return {
        "id": record.id,
        "kind": record.request.kind,
        "status": record.status,
        "done": record.status.done,
        "created_at": iso_time(record.created_at),
        "started_at": None if record.started_at is None else iso_time(record.started_at),
        "ended_at": None if record.ended_at is None else iso_time(record.ended_at),
        "progress": describe_progress(record, beside),
        "error": None if record.error is None else describe_error(record.error),
        "links": links_of(record.id, root_path),
    }


def links_of(job_id: str, root_path: str = "") -> Links:
    path = f"{root_path}{job_path(job_id)}"
    return Links(self=path, events=f"{path}/events", cancel=path)


def describe_progress(record: JobRecord, beside: Following = NOTHING_BESIDE) -> Progress | AdaptProgress:
    done, total, left = record.samples_done, record.samples_total, seconds_left(record, time.time())
    if record.request.kind is JobKind.ADAPT:
        return AdaptProgress(done=done, total=total, stage=record.stage, place=beside.place, seconds_left=left)
    return Progress(done=done, total=total, place=beside.place, seconds_left=left, votes=beside.votes)


def seconds_left(record: JobRecord, now: float) -> float | None:
    """How long the job will take at its speed so far; None before its first step, and when it is done."""
    if record.status.done or record.started_at is None or record.samples_done == 0:
        return None
    to_do = record.samples_total - record.samples_done
    return round(max(0.0, now - record.started_at) * to_do / record.samples_done, 1)


def describe_error(error: JobError) -> JobError:
    """A job's error with its type as the errors of the API have theirs."""
    return error.model_copy(update={"type": problem_type(error.type)})


def picture_path(job_id: str, name: PictureName) -> str:
    return f"{job_path(job_id)}/pictures/{name}"


def job_path(job_id: str) -> str:
    return f"/jobs/{job_id}"


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
