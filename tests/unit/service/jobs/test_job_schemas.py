"""What a client sees of a job."""

from typing import Any

import pytest

from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.contract.jobs import InputImage, JobRecord, JobRequest, JobStatus
from adapters.contract.records import JobKind
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from service.jobs.schemas import AdaptJob, Progress, describe_job, iso_time, seconds_left


def record_of(kind: JobKind, status: JobStatus) -> JobRecord:
    image = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)
    request = JobRequest(
        kind=kind,
        image=image,
        labels=("cat", "dog"),
        template="{}",
        sigma=0.5,
        n0=10 if kind is JobKind.CERTIFY else 0,
        n=20,
        alpha=0.01,
        profile="oracle-coin",
        engine="e" * 64,
        fingerprint="f" * 64,
    )
    return JobRecord(id="abc", request=request, status=status, created_at=0.5, samples_done=5, samples_total=30)


@pytest.mark.parametrize("status", JobStatus)
def test_done(status: JobStatus) -> None:
    """`done` is true for every status that a job does not leave."""
    assert describe_job(record_of(JobKind.PREDICT, status)).root.done == (status not in ("queued", "running"))


def test_parameters() -> None:
    """Selection samples and a wanted radius are parameters of a certificate only."""
    certify = describe_job(record_of(JobKind.CERTIFY, JobStatus.RUNNING)).root.params.model_dump()
    predict = describe_job(record_of(JobKind.PREDICT, JobStatus.RUNNING)).root.params.model_dump()
    assert set(certify) - set(predict) == {"n0", "target_radius", "tolerance", "bound"}
    assert set(predict) - set(certify) == {"test"}
    assert (certify["n0"], certify["labels"], certify["template"]) == (10, ("cat", "dog"), "{}")


def adaptation_of(status: JobStatus = JobStatus.RUNNING, **others: Any) -> JobRecord:
    parameters = AdaptParameters(name="pets", labels=["cat", "dog"], steps=7)
    request = adapt_request(parameters, find_profile("mini"), Settings(profile="mini"))
    return JobRecord(id="abc", request=request, status=status, created_at=0.5, samples_total=30, **others)


def test_adaptation() -> None:
    """Its parameters are all that the request may have, and its progress is in steps, with the stage."""
    job = describe_job(adaptation_of(samples_done=5, stage="personalize")).root
    assert isinstance(job, AdaptJob)
    assert type(job.params).model_fields.keys() == AdaptParameters.model_fields.keys()
    assert (job.params.labels, job.params.steps) == (("cat", "dog"), 7)
    assert (job.progress.unit, job.progress.stage) == ("steps", "personalize")
    assert describe_job(record_of(JobKind.PREDICT, JobStatus.RUNNING)).root.progress == Progress(done=5, total=30)


def test_seconds_left() -> None:
    """At the speed so far; none before the first step or the first worker, none when it is done, and none below 0."""
    assert seconds_left(adaptation_of(started_at=100.0, samples_done=10), now=120.0) == 40.0
    assert seconds_left(adaptation_of(started_at=100.0, samples_done=10), now=99.0) == 0.0
    assert seconds_left(adaptation_of(started_at=100.0), now=120.0) is None
    assert seconds_left(adaptation_of(samples_done=10), now=120.0) is None
    done = adaptation_of(JobStatus.SUCCEEDED, started_at=100.0, samples_done=30)
    assert seconds_left(done, now=120.0) is None


def test_times() -> None:
    """Times are ISO 8601 in UTC."""
    assert iso_time(0.5) == "1970-01-01T00:00:00.500Z"
