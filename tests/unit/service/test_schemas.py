"""What a client sees of a job."""

import pytest

from adapters.queue.messages import InputImage, JobKind, JobRecord, JobRequest, JobStatus
from service.schemas import describe_job, iso_time


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
    assert describe_job(record_of(JobKind.PREDICT, status)).done == (status not in ("queued", "running"))


def test_parameters() -> None:
    """Selection samples and a wanted radius are parameters of a certificate only."""
    certify = describe_job(record_of(JobKind.CERTIFY, JobStatus.RUNNING)).params
    predict = describe_job(record_of(JobKind.PREDICT, JobStatus.RUNNING)).params
    assert set(certify) - set(predict) == {"n0", "target_radius"}
    assert (certify["n0"], certify["labels"], certify["template"]) == (10, ["cat", "dog"], "{}")


def test_times() -> None:
    """Times are ISO 8601 in UTC."""
    assert iso_time(0.5) == "1970-01-01T00:00:00.500Z"
