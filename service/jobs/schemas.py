"""The bodies of the responses, as the API documents them."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from adapters.contract.adaptation import AdaptParameters
from adapters.contract.jobs import AdaptRequest, JobError, JobKind, JobRecord, JobRequest, JobStatus
from service.errors import problem_type


class Progress(BaseModel):
    """Of a prediction or a certificate."""

    done: int
    total: int
    unit: Literal["samples"] = "samples"


class AdaptProgress(BaseModel):
    """Of an adaptation; `seconds_left` is an estimate, null while there is none."""

    done: int
    total: int
    unit: Literal["steps"] = "steps"
    stage: str | None
    seconds_left: float | None


AnyProgress = Annotated[Progress | AdaptProgress, Field(discriminator="unit")]


class Links(BaseModel):
    self: str
    events: str
    cancel: str


class Job(BaseModel):
    """One piece of queued work. Wait for `done`, not for a certain status. Times are ISO 8601 in UTC.

    An abstention is a result of a job that succeeded.
    """

    id: str
    kind: JobKind
    status: JobStatus
    done: bool
    created_at: str
    started_at: str | None
    ended_at: str | None
    progress: AnyProgress
    params: dict[str, Any]
    result: dict[str, Any] | None
    error: JobError | None
    links: Links


class JobProgress(BaseModel):
    """What a progress event says."""

    status: JobStatus
    progress: AnyProgress


def describe_job(record: JobRecord) -> Job:
    """What a client sees of a job."""
    path = job_path(record.id)
    return Job(
        id=record.id,
        kind=record.request.kind,
        status=record.status,
        done=record.status.done,
        created_at=iso_time(record.created_at),
        started_at=None if record.started_at is None else iso_time(record.started_at),
        ended_at=None if record.ended_at is None else iso_time(record.ended_at),
        progress=describe_progress(record),
        params=describe_parameters(record.request),
        result=record.result,
        error=None if record.error is None else describe_error(record.error),
        links=Links(self=path, events=f"{path}/events", cancel=path),
    )


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


def describe_parameters(request: JobRequest | AdaptRequest) -> dict[str, Any]:
    """The parameters of a request with all defaults filled in."""
    if isinstance(request, AdaptRequest):
        return request.model_dump(mode="json", include=set(AdaptParameters.model_fields))
    parameters = {
        "labels": list(request.labels),
        "task": request.task,
        "version": request.version,
        "adaptation": request.adaptation,
        "template": request.template,
        "classifier": "default",
        "sigma": request.sigma,
        "noise": request.noise,
        "n": request.n,
        "alpha": request.alpha,
    }
    if request.kind is JobKind.CERTIFY:
        aims = {"target_radius": request.target_radius, "tolerance": request.tolerance}
        return parameters | {"n0": request.n0, **aims, "bound": request.bound.value}
    return parameters | {"test": request.test.value}


def job_path(job_id: str) -> str:
    return f"/jobs/{job_id}"


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
