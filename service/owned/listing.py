"""GET /jobs: one's own jobs, page by page."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request

from adapters.contract.example import JOB_ID
from adapters.contract.jobs import JobRecord, JobStatus
from adapters.contract.records import JobKind
from adapters.contract.results import brief
from adapters.queue.asking import Listing
from service.access.prefix import prefixed
from service.dependencies import ServiceDependency, check_job_id
from service.errors import UNKNOWN_JOB, ProblemError
from service.jobs.schemas import state_fields
from service.openapi import problems
from service.owned.caller import OwningCaller
from service.owned.schemas import JobPage, JobSummary

MOST_JOBS = 100
USUAL_JOBS = 20

Kind = Annotated[JobKind | None, Query(description="Only jobs of this kind.", examples=["certify"])]
Status = Annotated[JobStatus | None, Query(description="Only jobs in this state.", examples=["succeeded"])]
Outcome = Annotated[
    str | None,
    Query(
        description="Only jobs with this `outcome` of their result.", pattern="^[a-z_]{1,20}$", examples=["certified"]
    ),
]
Limit = Annotated[int, Query(ge=1, le=MOST_JOBS, description="Jobs of one page, at most.", examples=[USUAL_JOBS])]
After = Annotated[
    str | None, Query(description="Only jobs before this one: `last_id` of the page before.", examples=[JOB_ID])
]

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs", operation_id="listJobs", summary="Your jobs, the latest first", responses=problems(401, 404, 422, 503)
)
async def list_jobs(
    request: Request,
    service: ServiceDependency,
    caller: OwningCaller,
    kind: Kind = None,
    status: Status = None,
    outcome: Outcome = None,
    limit: Limit = USUAL_JOBS,
    after: After = None,
) -> JobPage:
    """Those of the caller's key that are not forgotten yet. A job that was asked for meanwhile is on no later page."""
    from_id = check_job_id(after) if after is not None else ""
    board = service.board
    found = await anyio.to_thread.run_sync(board.listing, caller.owner, limit, from_id, kind, status, outcome or "")
    if found is None:
        raise ProblemError(UNKNOWN_JOB)
    return page_of(found, prefixed(request, ""))


def page_of(found: Listing, root_path: str) -> JobPage:
    data = [summary_of(record, root_path) for record in found.records]
    return JobPage(
        data=data, has_more=found.has_more, first_id=data[0].id if data else None, last_id=found.last or None
    )


def summary_of(record: JobRecord, root_path: str) -> JobSummary:
    return JobSummary.model_validate({**state_fields(record, root_path), **brief(record.result)._asdict()})
