"""Adapt the models to a task, or store its labels alone."""

import anyio.to_thread
from fastapi import APIRouter, Request, Response

from service.adapt_submission import default_wait, submit_adaptation
from service.answers import answer
from service.dependencies import ServiceDependency
from service.limits import ADAPT_WAIT_SECONDS, REGISTER_WAIT_SECONDS
from service.openapi import accepted_later, prefer, problems
from service.requests import receive_fields
from service.schemas import Job

router = APIRouter(tags=["tasks"])


@router.post(
    "/adapt",
    operation_id="adapt",
    summary="Adapt the models to a label set, or store it as a task as it is",
    responses={202: accepted_later(), **problems(400, 408, 409, 413, 415, 422, 503)},
    openapi_extra=prefer(ADAPT_WAIT_SECONDS, f", or {REGISTER_WAIT_SECONDS} where nothing is adapted"),
)
async def adapt(request: Request, response: Response, service: ServiceDependency) -> Job:
    """Makes reference images of the labels, personalises the denoiser and fine-tunes the classifier with them, and
    publishes the result as a version of the task, which is there when the job has succeeded. With `steps` 0 and no
    `fine_tuning_steps` the labels are stored as a task, and nothing is adapted.
    """
    record = await anyio.to_thread.run_sync(submit_adaptation, service, await receive_fields(request))
    return await answer(request, response, service, record, default_wait(record))
