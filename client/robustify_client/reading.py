"""From answers to records, or to the error that they are: plain functions that trust nothing of what came."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import TypeVar

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from robustify_client.errors import (
    FieldProblem,
    JobCanceled,
    JobError,
    JobExpired,
    JobFailed,
    Problem,
    UnexpectedAnswer,
    error_of,
)
from robustify_client.message import Answer
from robustify_client.records import (
    AdaptResult,
    AnyResult,
    BatchLine,
    CertifyResult,
    CertifySetsResult,
    CertifySigmasResult,
    JobRecord,
    PredictResult,
    PreviewResult,
    Record,
)
from robustify_client.retries import retry_after

R = TypeVar("R", bound=Record)
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
NO_SERVICE = "what answered is no robustify service"
OTHER_RELEASE = "the answer cannot be read: the service is of a release that this client does not know"
MOST_FIELDS = 100
"""Of a problem document."""
OF_STATUS: Mapping[str, type[JobError]] = {"canceled": JobCanceled, "expired": JobExpired}


def read(model: type[R], answer: Answer) -> R:
    """The record of an answer; raises the error that it is otherwise."""
    return record_of(model, document_of(checked(answer)))


def checked(answer: Answer) -> Answer:
    """The answer, if it is a good one."""
    if 200 <= answer.status < 300:
        return answer
    if 300 <= answer.status < 400:
        raise UnexpectedAnswer(
            f"the address answers with {answer.status} and points elsewhere, which is not followed, since the key "
            "would go along: give the address of the service itself"
        )
    raise error_of(problem_of(answer, datetime.now(timezone.utc)))


def document_of(answer: Answer) -> Mapping[str, JsonValue]:
    """The JSON object of an answer."""
    document = parsed(answer.body)
    if not isinstance(document, dict):
        raise UnexpectedAnswer(f"{NO_SERVICE}: its answer is no JSON object, or is cut off")
    return document


def parsed(body: bytes) -> JsonValue:
    """The JSON of a body, None where it is none."""
    try:
        found: JsonValue = from_json(body, allow_inf_nan=False)
    except ValueError:
        return None
    return found


def record_of(model: type[R], document: object) -> R:
    try:
        return model.model_validate(document)
    except (ValidationError, RecursionError) as error:
        raise UnexpectedAnswer(f"{OTHER_RELEASE}, or it is another service ({model.__name__})") from error


def problem_of(answer: Answer, now: datetime) -> Problem:
    """The problem of an answer, whatever it holds: proxies before a service answer with pages of their own."""
    body = parsed(answer.body)
    document = body if isinstance(body, dict) else {}
    return Problem(
        status=answer.status,
        type=text_of(document, "type"),
        title=text_of(document, "title"),
        detail=text_of(document, "detail") or text_of(document, "title") or nothing_said(answer),
        fields=tuple(field_problems(document.get("errors"))),
        retry_after=retry_after(answer.headers.get("retry-after"), now),
        request_id=answer.headers.get("x-request-id"),
    )


def text_of(document: Mapping[str, JsonValue], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def nothing_said(answer: Answer) -> str:
    return f"the answer is {answer.status} and says no more: it may be that of a proxy, and not of the service"


def field_problems(errors: JsonValue) -> Iterator[FieldProblem]:
    for error in errors[:MOST_FIELDS] if isinstance(errors, list) else ():
        if isinstance(error, dict):
            yield FieldProblem(text_of(error, "field"), text_of(error, "detail"))


def read_job(answer: Answer) -> JobRecord:
    """A job whose id can stand in an address."""
    job = read(JobRecord, answer)
    checked_id(job.id)
    return job


def checked_id(text: str) -> None:
    """Raises UnexpectedAnswer where an id of the service is none."""
    if not ID.fullmatch(text):
        raise UnexpectedAnswer(f"{NO_SERVICE}: the id that it gave is none")


def result_of(job: JobRecord) -> AnyResult:
    """The result of a job that is done; JobError where it came to nothing."""
    if job.status == "succeeded":
        return typed_result(job.kind, job.result)
    told = job.error.detail if job.error else f"the job was {job.status}"
    raise OF_STATUS.get(job.status, JobFailed)(told, job)


def typed_result(kind: str, result: JsonValue) -> AnyResult:
    if kind == "predict":
        return record_of(PredictResult, result)
    if kind == "adapt":
        return record_of(AdaptResult, result)
    if kind == "preview":
        return record_of(PreviewResult, result)
    names = result.keys() if isinstance(result, dict) else ()
    if "sets" in names:
        return record_of(CertifySetsResult, result)
    if "sigmas" in names:
        return record_of(CertifySigmasResult, result)
    return record_of(CertifyResult, result)


def read_lines(answer: Answer) -> Iterator[BatchLine]:
    """The results of a batch, one line of JSON for each image."""
    for line in checked(answer).body.splitlines():
        if line.strip():
            yield record_of(BatchLine, parsed(line))
