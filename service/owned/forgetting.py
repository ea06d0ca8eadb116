"""DELETE of what was stored: a job with its result, an image with all that was answered about it."""

import re
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Path

from adapters.contract.example import IMAGE_DIGEST
from service.access.caller import CallerDependency
from service.dependencies import JobId, Service, ServiceDependency, check_job_id
from service.errors import UNKNOWN_IMAGE, UNKNOWN_JOB, ProblemError, store_failures
from service.openapi import problems
from service.owned.caller import OwningCaller

DIGEST = re.compile("[0-9a-f]{64}")
# As with jobs, what does not look like a digest names no image, and is no invalid value.
ImageDigest = Annotated[
    str,
    Path(
        description="sha256 of a canonical tensor: `input.sha256` of a result.",
        examples=[IMAGE_DIGEST],
        json_schema_extra={"pattern": f"^{DIGEST.pattern}$"},
    ),
]

router = APIRouter(tags=["usage"])


@router.delete(
    "/jobs/{job_id}/data",
    operation_id="deleteJob",
    summary="Forget a job with its result",
    status_code=204,
    responses=problems(404, 503),
)
async def delete_job(job_id: JobId, service: ServiceDependency, caller: CallerDependency) -> None:
    """Cancels the job if it is not done, for the caller, and forgets it with its result and its outcome, at once; and
    the image with the last job about it. Whoever else asked the same keeps what is its own. What the ledger has counted
    stays counted.
    """
    with store_failures():
        is_erased = await anyio.to_thread.run_sync(forget_job, service, check_job_id(job_id), caller.owner)
    if not is_erased:
        raise ProblemError(UNKNOWN_JOB)


@router.delete(
    "/images/{sha256}",
    operation_id="deleteImage",
    summary="Forget an image with all that was answered about it",
    status_code=204,
    responses=problems(401, 404, 503),
)
async def delete_image(sha256: ImageDigest, service: ServiceDependency, caller: OwningCaller) -> None:
    """Forgets the canonical tensor with all jobs and outcomes about it, for the caller; jobs that are not done are
    canceled. The tensor is removed when nobody else has sent the same. How many questions were asked about it stays
    known for a while where the operator allows so many.
    """
    with store_failures():
        is_forgotten = await anyio.to_thread.run_sync(forget_image, service, sha256, caller.owner)
    if not is_forgotten:
        raise ProblemError(UNKNOWN_IMAGE)


def forget_job(service: Service, job_id: str, owner: str) -> bool:
    """False where there is none of that id, or it is another's."""
    is_erased = service.board.erase(job_id, owner)
    if is_erased:
        service.previews.forget(owner, job_id)
    return is_erased


def forget_image(service: Service, sha256: str, owner: str) -> bool:
    """False where there is none of that digest, or it is another's."""
    if not DIGEST.fullmatch(sha256):
        return False
    was_owned, is_nobodys = service.board.erase_image(sha256, owner)
    service.previews.forget_image(owner, sha256)
    if is_nobodys:
        service.board.remove_image(sha256, service.store)
    return was_owned
