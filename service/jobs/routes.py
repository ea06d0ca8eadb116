"""Jobs: ask for a prediction or a certificate, follow it, cancel it."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from adapters.contract.jobs import JobRecord
from adapters.contract.records import JobKind
from service.access.caller import CallerDependency
from service.access.prefix import prefixed
from service.body.receive import receive
from service.dependencies import JobId, KnownJob, NeedsRoom, ServiceDependency, check_job_id
from service.errors import UNKNOWN_JOB, ProblemError
from service.examples import Document
from service.jobs.answering import answer, preferred_wait, set_headers, wait_until_done
from service.jobs.asking import asked_of
from service.jobs.events import DONE_ID, job_events
from service.jobs.following import following
from service.jobs.schemas import Event, Job, describe_job
from service.jobs.submission import submit
from service.limits import CERTIFY_WAIT_SECONDS, PREDICT_WAIT_SECONDS, READ_WAIT_SECONDS
from service.notes import notes_of
from service.openapi import SUBMIT_PROBLEMS, accepted_later, prefer, problems, referenced
from service.stopping import stopping_of

STREAM = "text/event-stream"
EVENTS: Document = {
    "description": "A stream of events, each with its name, its id and its data",
    "content": {STREAM: {"schema": referenced(Event)}},
}
NO_EVENTS: Document = {"description": "The last event was seen: there is nothing more to come"}

router = APIRouter(tags=["jobs"])


@router.post(
    "/predict",
    operation_id="predict",
    dependencies=[NeedsRoom],
    summary="The class that the smoothed classifier returns, or abstain",
    responses={202: accepted_later(), **problems(*SUBMIT_PROBLEMS)},
    openapi_extra=prefer(PREDICT_WAIT_SECONDS),
)
async def predict(request: Request, response: Response, service: ServiceDependency) -> Job:
    """Waits 10 s for the answer unless the header `Prefer: wait=N` or `Prefer: respond-async` says otherwise."""
    asked = asked_of(request)
    admission = await submit(service, JobKind.PREDICT, await receive(request, service.settings), asked)
    return await answer(request, response, service, admission, PREDICT_WAIT_SECONDS)


@router.post(
    "/certify",
    operation_id="certify",
    dependencies=[NeedsRoom],
    summary="A class and an L2 radius within which it does not change, or abstain",
    responses={202: accepted_later(), **problems(*SUBMIT_PROBLEMS)},
    openapi_extra=prefer(CERTIFY_WAIT_SECONDS),
)
async def certify(request: Request, response: Response, service: ServiceDependency) -> Job:
    """Does not wait for the answer unless the header `Prefer: wait=N` says so (up to 60 s)."""
    asked = asked_of(request)
    admission = await submit(service, JobKind.CERTIFY, await receive(request, service.settings), asked)
    return await answer(request, response, service, admission, CERTIFY_WAIT_SECONDS)


@router.get(
    "/jobs/{job_id}",
    operation_id="getJob",
    summary="A job",
    responses=problems(404, 503),
    openapi_extra=prefer(READ_WAIT_SECONDS),
)
async def get_job(request: Request, response: Response, record: KnownJob, service: ServiceDependency) -> Job:
    """The job as it is; read it until `done`. With the header `Prefer: wait=N`, the answer waits for that."""
    wait = preferred_wait(request, READ_WAIT_SECONDS)
    record = await wait_until_done(service, record, wait.seconds, request)
    set_headers(response, record, wait)
    return describe_job(record, prefixed(request, ""), await following(service, record))


@router.delete("/jobs/{job_id}", operation_id="cancelJob", summary="Cancel a job", responses=problems(404, 503))
async def cancel_job(request: Request, job_id: JobId, service: ServiceDependency, caller: CallerDependency) -> Job:
    """Ends a job that is not done, at once, for the caller; whoever else waits for the same answer still gets it. The
    answer is the job. A job that is done stays as it is.
    """
    record = await anyio.to_thread.run_sync(service.board.let_go, check_job_id(job_id), caller.owner)
    if record is None:
        raise ProblemError(UNKNOWN_JOB)
    notes_of(request.scope).note_job(record)
    return describe_job(record, prefixed(request, ""))


async def unfinished_stream(
    record: KnownJob,
    last_event_id: Annotated[
        str | None, Header(description="Id of the last event seen.", examples=["400", DONE_ID])
    ] = None,
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
    responses={200: EVENTS, 204: NO_EVENTS, **problems(404, 503)},
)
async def follow_job(
    request: Request,
    record: Annotated[JobRecord, Depends(unfinished_stream)],
    service: ServiceDependency,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """`progress` events while the job waits and runs, then one `done` event with the whole job, then the end."""
    async for event in job_events(service, record, last_event_id, stopping_of(request), prefixed(request, "")):
        yield event
