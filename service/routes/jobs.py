"""Jobs: ask for a prediction or a certificate, follow it, cancel it."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from adapters.queue.messages import JobKind, JobRecord
from service.dependencies import JobId, KnownJob, ServiceDependency, check_job_id
from service.errors import UNKNOWN_JOB, ProblemError
from service.events import DONE_ID, job_events
from service.limits import CERTIFY_WAIT_SECONDS, PREDICT_WAIT_SECONDS
from service.openapi import SUBMIT_PROBLEMS, accepted_later, problems, request_body
from service.requests import receive
from service.schemas import Job, describe_job, job_path
from service.submission import submit
from service.waiting import Wait, preferred_wait, wait_until_done

RETRY_AFTER_SECONDS = {JobKind.PREDICT: 1, JobKind.CERTIFY: 2}

router = APIRouter(tags=["jobs"])


@router.post(
    "/predict",
    operation_id="predict",
    summary="The class that the smoothed classifier returns, or abstain",
    responses={202: accepted_later(), **problems(*SUBMIT_PROBLEMS)},
    openapi_extra=request_body(JobKind.PREDICT),
)
async def predict(request: Request, response: Response, service: ServiceDependency) -> Job:
    """Waits 10 s for the answer unless the header `Prefer: wait=N` or `Prefer: respond-async` says otherwise."""
    return await answer(request, response, service, JobKind.PREDICT, PREDICT_WAIT_SECONDS)


@router.post(
    "/certify",
    operation_id="certify",
    summary="A class and an L2 radius within which it does not change, or abstain",
    responses={202: accepted_later(), **problems(*SUBMIT_PROBLEMS)},
    openapi_extra=request_body(JobKind.CERTIFY),
)
async def certify(request: Request, response: Response, service: ServiceDependency) -> Job:
    """Does not wait for the answer unless the header `Prefer: wait=N` says so (up to 60 s)."""
    return await answer(request, response, service, JobKind.CERTIFY, CERTIFY_WAIT_SECONDS)


@router.get("/jobs/{job_id}", operation_id="getJob", summary="A job", responses=problems(404, 503))
async def get_job(request: Request, response: Response, record: KnownJob, service: ServiceDependency) -> Job:
    """The job as it is; read it until `done`. With the header `Prefer: wait=N`, the answer waits for that."""
    wait = preferred_wait(request, default_seconds=0)
    record = await wait_until_done(service, record, wait.seconds, request)
    set_headers(response, record, wait)
    return describe_job(record)


@router.delete("/jobs/{job_id}", operation_id="cancelJob", summary="Cancel a job", responses=problems(404, 503))
async def cancel_job(job_id: JobId, service: ServiceDependency) -> Job:
    """Withdraws one submission: a job that is not done ends when none is left. The answer is the job.

    Identical requests share a job, so a client that deletes twice withdraws another's submission too.
    """
    record = await anyio.to_thread.run_sync(service.board.cancel, check_job_id(job_id))
    if record is None:
        raise ProblemError(UNKNOWN_JOB)
    return describe_job(record)


async def unfinished_stream(
    record: KnownJob, last_event_id: Annotated[str | None, Header(description="Id of the last event seen.")] = None
) -> JobRecord:
    """The job to follow; 204 tells an EventSource that has seen the last event to stay away."""
    if last_event_id == DONE_ID:
        raise HTTPException(204)
    return record


@router.get(
    "/jobs/{job_id}/events",
    operation_id="followJob",
    summary="A job's progress as server-sent events",
    response_class=EventSourceResponse,
    responses=problems(404, 503),
)
async def follow_job(
    record: Annotated[JobRecord, Depends(unfinished_stream)],
    service: ServiceDependency,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """`progress` events while the job waits and runs, then one `done` event with the whole job, then the end."""
    async for event in job_events(service, record, last_event_id):
        yield event


async def answer(request: Request, response: Response, service: ServiceDependency, kind: JobKind, default: int) -> Job:
    """Submits what was sent and waits as long as the client prefers: 200 when the job is done by then, else 202."""
    wait = preferred_wait(request, default)
    record = await submit(service, kind, await receive(request, service.settings))
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
