"""A job as the answer to its submission."""

from fastapi import Request, Response

from adapters.queue.messages import JobKind, JobRecord
from service.dependencies import Service
from service.schemas import Job, describe_job, job_path
from service.waiting import Wait, preferred_wait, wait_until_done

RETRY_AFTER_SECONDS = {JobKind.PREDICT: 1, JobKind.CERTIFY: 2, JobKind.ADAPT: 5}


async def answer(
    request: Request, response: Response, service: Service, record: JobRecord, default_seconds: int
) -> Job:
    """Waits for the job as long as the client prefers: 200 when it is done by then, else 202."""
    wait = preferred_wait(request, default_seconds)
    record = await wait_until_done(service, record, wait.seconds, request)
    set_headers(response, record, wait)
    if not record.status.done:
        response.status_code = 202
        response.headers["Location"] = job_path(record.id)
    return describe_job(record)


def set_headers(response: Response, record: JobRecord, wait: Wait) -> None:
    """What was made of the client's wish to wait, and when to look again."""
    if wait.applied:
        response.headers["Preference-Applied"] = wait.applied
    if not record.status.done:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS[record.request.kind])
