"""A job as clients see it: one schema for each kind, told apart by `kind`."""

import time
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, Json, RootModel

from adapters.contract.effective import EffectiveAdapt, EffectiveCertify, EffectivePredict, effective
from adapters.contract.example import JOB_ID
from adapters.contract.jobs import JobError, JobRecord, JobStatus
from adapters.contract.records import JobKind
from adapters.contract.results import AdaptResult, CertifyResult, PredictResult, Result
from service.errors import problem_type


class Progress(BaseModel):
    """Of a prediction or a certificate."""

    done: int = Field(description="Samples whose votes are recorded.", examples=[10025])
    total: int = Field(description="Samples planned, at most.", examples=[10100])
    unit: Literal["samples"] = "samples"


class AdaptProgress(BaseModel):
    """Of an adaptation."""

    done: int = Field(description="Steps that are done.", examples=[300])
    total: int = Field(description="Steps of all stages together.", examples=[300])
    unit: Literal["steps"] = "steps"
    stage: str | None = Field(description="What it is at; null before it begins.", examples=["evaluate"])
    seconds_left: float | None = Field(
        description="An estimate; null while there is none, and at the end.", examples=[None, 42.0]
    )


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

    params: EffectivePredict | EffectiveCertify | EffectiveAdapt
    result: Result | None = Field(description="Null unless the job succeeded.")
    error: JobError | None = Field(description="Why it failed; null unless it did.", examples=[None])
    links: Links


class PredictJob(AnyJob):
    """A prediction. An abstention is a result of a job that succeeded."""

    kind: Literal[JobKind.PREDICT] = JobKind.PREDICT
    progress: Progress = Field(examples=[{"done": 25, "total": 100, "unit": "samples"}])
    params: EffectivePredict
    result: PredictResult | None = Field(description="Null unless the job succeeded.")


class CertifyJob(AnyJob):
    """A certificate. An abstention is a result of a job that succeeded."""

    kind: Literal[JobKind.CERTIFY] = JobKind.CERTIFY
    progress: Progress
    params: EffectiveCertify
    result: CertifyResult | None = Field(description="Null unless the job succeeded.")


class AdaptJob(AnyJob):
    """An adaptation."""

    kind: Literal[JobKind.ADAPT] = JobKind.ADAPT
    progress: AdaptProgress
    params: EffectiveAdapt
    result: AdaptResult | None = Field(description="Null unless the job succeeded.")


class Job(RootModel[Annotated[PredictJob | CertifyJob | AdaptJob, Field(discriminator="kind")]]):
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


def describe_job(record: JobRecord, root_path: str = "") -> Job:
    """What a client sees of a job; `root_path` is where the service is shown."""
    fields = {"params": effective(record.request), "result": record.result}
    return Job.model_validate({**state_fields(record, root_path), **fields})


def state_fields(record: JobRecord, root_path: str) -> dict[str, object]:
    """Those of JobState, and what every description of a job ends with."""
    return {
        "id": record.id,
        "kind": record.request.kind,
        "status": record.status,
        "done": record.status.done,
        "created_at": iso_time(record.created_at),
        "started_at": None if record.started_at is None else iso_time(record.started_at),
        "ended_at": None if record.ended_at is None else iso_time(record.ended_at),
        "progress": describe_progress(record),
        "error": None if record.error is None else describe_error(record.error),
        "links": links_of(record.id, root_path),
    }


def links_of(job_id: str, root_path: str = "") -> Links:
    path = f"{root_path}{job_path(job_id)}"
    return Links(self=path, events=f"{path}/events", cancel=path)


def describe_progress(record: JobRecord) -> Progress | AdaptProgress:
    if record.request.kind is not JobKind.ADAPT:
        return Progress(done=record.samples_done, total=record.samples_total)
    return AdaptProgress(
        done=record.samples_done,
        total=record.samples_total,
        stage=record.stage,
        seconds_left=seconds_left(record, time.time()),
    )


def seconds_left(record: JobRecord, now: float) -> float | None:
    """How long the job will take at its speed so far; None before its first step, and when it is done."""
    if record.status.done or record.started_at is None or record.samples_done == 0:
        return None
    to_do = record.samples_total - record.samples_done
    return round(max(0.0, now - record.started_at) * to_do / record.samples_done, 1)


def describe_error(error: JobError) -> JobError:
    """A job's error with its type as the errors of the API have theirs."""
    return error.model_copy(update={"type": problem_type(error.type)})


def job_path(job_id: str) -> str:
    return f"/jobs/{job_id}"


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
