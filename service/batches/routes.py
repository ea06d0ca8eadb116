"""Batches: ask about many images at once, follow them, fetch what became of each, cancel all."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from adapters.contract.batch import BatchRecord
from adapters.contract.fields import FieldProblem, FieldsError
from adapters.contract.records import VoteKind
from adapters.queue.asking import Asked
from service.access.authentication import check_allowed
from service.access.caller import CallerDependency
from service.access.prefix import prefixed
from service.batches.admission import admit_batch, check_batch
from service.batches.description import RESULTS, accepted_batch
from service.batches.receive import receiving
from service.batches.received import BAD_KIND, KIND, ReceivedBatch
from service.batches.results import NDJSON, result_lines
from service.batches.schemas import BATCH_ID, Batch, BatchPage, batch_path, describe_batch, kind_of
from service.body.presence import while_present
from service.choosing import with_profile
from service.dependencies import JOB_ID, NeedsRoom, Service, ServiceDependency
from service.errors import UNKNOWN_BATCH, ProblemError
from service.jobs.asking import asked_of, with_webhook
from service.openapi import SUBMIT_PROBLEMS, problems
from service.owned.caller import OwningCaller

MOST_BATCHES = 20
RETRY_AFTER_SECONDS = 5

BatchId = Annotated[
    str,
    Path(description="The `id` of a batch.", examples=[BATCH_ID], json_schema_extra={"pattern": f"^{JOB_ID.pattern}$"}),
]
Limit = Annotated[int, Query(ge=1, le=MOST_BATCHES, description="Batches of one page, at most.", examples=[10])]
After = Annotated[
    str | None, Query(description="Only batches before this one: `last_id` of the page before.", examples=[BATCH_ID])
]

router = APIRouter(tags=["batches"])


@router.post(
    "/batches",
    operation_id="createBatch",
    dependencies=[NeedsRoom],
    summary="Ask about many images at once",
    status_code=202,
    responses={202: accepted_batch(), **problems(*SUBMIT_PROBLEMS)},
)
async def create_batch(request: Request, response: Response, service: ServiceDependency) -> Batch:
    """Every image becomes a job of its own. One that cannot be used becomes a line of the results that says why; a
    batch that the queue or the quota has no room for is refused whole. The answer comes when all images are decoded.
    """
    asked = asked_of(request)
    async with (
        service.lines.batching.place(asked.caller.owner),
        receiving(request, service.settings) as received,
    ):
        batch, was_there = await while_present(request, lambda: taken(service, received, asked))
        await service.kept.be_sure()
    if was_there:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = prefixed(request, batch_path(batch.id))
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return describe_batch(batch, prefixed(request, ""))


async def taken(service: Service, received: ReceivedBatch, asked: Asked) -> tuple[BatchRecord, bool]:
    asked, values, wrong = with_webhook(asked, received.values, service.receivers)
    kind = asked_kind(values.pop(KIND, None), [*received.problems, *wrong])
    check_allowed(asked.caller, ("POST", f"/{kind}"))
    profile, values, strange = with_profile(service, asked.caller, values)
    checked = ReceivedBatch(received.images, values, received.strict, [*received.problems, *wrong, *strange])
    batch = await anyio.to_thread.run_sync(check_batch, service, kind, profile, checked, asked)
    return await admit_batch(service, batch)


def asked_kind(given: object, problems: list[FieldProblem]) -> VoteKind:
    """Without it, nothing can be said of the other fields."""
    kind = kind_of(given)
    if kind is None:
        raise FieldsError([FieldProblem(field=KIND, detail=BAD_KIND), *problems])
    return kind


@router.get(
    "/batches",
    operation_id="listBatches",
    summary="Your batches, the latest first",
    responses=problems(401, 404, 422, 503),
)
async def list_batches(
    request: Request, service: ServiceDependency, caller: OwningCaller, limit: Limit = 10, after: After = None
) -> BatchPage:
    """Those of the caller's key that are not forgotten yet: the last 200 at most."""
    from_id = check_batch_id(after) if after is not None else ""
    found, has_more = await anyio.to_thread.run_sync(page_of, service, caller.owner, limit, from_id)
    data = [describe_batch(batch, prefixed(request, "")) for batch in found]
    return BatchPage(data=data, has_more=has_more, last_id=data[-1].id if data else None)


def page_of(service: Service, owner: str, limit: int, after: str) -> tuple[list[BatchRecord], bool]:
    """And whether there are more."""
    ids = service.board.batches_of(owner, limit + 1, after)
    batches = [service.board.batch(batch, owner) for batch in ids[:limit]]
    return [batch for batch in batches if batch is not None], len(ids) > limit


def check_batch_id(batch_id: str) -> str:
    """Refuses what cannot be an id without asking the queue."""
    if not JOB_ID.fullmatch(batch_id):
        raise ProblemError(UNKNOWN_BATCH)
    return batch_id


async def known_batch(batch_id: BatchId, service: ServiceDependency, caller: CallerDependency) -> BatchRecord:
    """The batch that the path names, if it is the caller's."""
    batch = await anyio.to_thread.run_sync(service.board.batch, check_batch_id(batch_id), caller.owner)
    if batch is None:
        raise ProblemError(UNKNOWN_BATCH)
    return batch


KnownBatch = Annotated[BatchRecord, Depends(known_batch)]


@router.get("/batches/{batch_id}", operation_id="getBatch", summary="A batch", responses=problems(404, 503))
async def get_batch(request: Request, batch: KnownBatch) -> Batch:
    """How it stands with all of its images; read it until `done`, or give a `webhook`."""
    return describe_batch(batch, prefixed(request, ""))


@router.get(
    "/batches/{batch_id}/results",
    operation_id="getBatchResults",
    summary="What became of each image, as lines of JSON",
    response_class=StreamingResponse,
    responses={200: RESULTS, **problems(404, 503)},
)
async def get_batch_results(batch: KnownBatch, service: ServiceDependency) -> Response:
    """One line for each image, in their order; those of images that are not done have no result yet."""
    return StreamingResponse(result_lines(service, batch), media_type=NDJSON)


@router.delete(
    "/batches/{batch_id}", operation_id="cancelBatch", summary="Cancel a batch", responses=problems(404, 503)
)
async def cancel_batch(
    request: Request, batch_id: BatchId, service: ServiceDependency, caller: CallerDependency
) -> Batch:
    """Cancels all jobs of the batch that are not done, for the caller, as `DELETE` of each would. The answer is the
    batch.
    """
    batch = await anyio.to_thread.run_sync(service.board.let_go_batch, check_batch_id(batch_id), caller.owner)
    if batch is None:
        raise ProblemError(UNKNOWN_BATCH)
    return describe_batch(batch, prefixed(request, ""))
