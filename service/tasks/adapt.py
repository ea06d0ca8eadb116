"""Adapt the models to a task, or store its labels alone."""

from collections.abc import Mapping
from contextlib import suppress

import anyio.to_thread
from fastapi import APIRouter, Request, Response

from adapters.contract.adapt import AdaptParameters, adapt_request, checked_adaptation, total_steps
from adapters.contract.adapt_cost import checked_cost
from adapters.contract.fields import FieldsError
from adapters.contract.jobs import AdaptRequest, JobRecord
from adapters.queue.asking import Admission, Asked
from adapters.store.tasks import check_same
from adapters.traces.spans import Role
from robustify.errors import UnknownTaskError
from service.body.receive import receive_fields
from service.choosing import with_profile
from service.dependencies import NeedsRoom, Service, ServiceDependency
from service.errors import store_failures
from service.jobs.answering import answer
from service.jobs.asking import asked_of, with_webhook
from service.jobs.schemas import Job
from service.jobs.submission import traced
from service.limits import ADAPT_WAIT_SECONDS, REGISTER_WAIT_SECONDS
from service.openapi import accepted_later, notified_body, prefer, problems

router = APIRouter(tags=["tasks"])


@router.post(
    "/adapt",
    operation_id="adapt",
    dependencies=[NeedsRoom],
    summary="Adapt the models to a label set, or store it as a task as it is",
    responses={202: accepted_later(), **problems(400, 408, 409, 413, 415, 422, 503)},
    openapi_extra={
        **prefer(ADAPT_WAIT_SECONDS, f", or {REGISTER_WAIT_SECONDS} where nothing is adapted"),
        **notified_body(AdaptParameters),
    },
)
async def adapt(request: Request, response: Response, service: ServiceDependency) -> Job:
    """Makes reference images of the labels, personalises the denoiser and fine-tunes the classifier with them, and
    publishes the result as a version of the task, which is there when the job has succeeded. With `steps` 0 and no
    `fine_tuning_steps` the labels are stored as a task, and nothing is adapted.
    """
    asked = asked_of(request)
    admission = await anyio.to_thread.run_sync(submit_adaptation, service, await receive_fields(request), asked)
    return await answer(request, response, service, admission, default_wait(admission.record))


def submit_adaptation(service: Service, values: Mapping[str, object], asked: Asked) -> Admission:
    """The job of this request; its task appears when it succeeds."""
    settings = service.settings
    asked, values, problems = with_webhook(asked, values, service.receivers)
    profile, values, wrong = with_profile(service, asked.caller, values)
    if problems or wrong:
        raise FieldsError([*problems, *wrong])
    request = adapt_request(checked_adaptation(values, True, profile), profile, settings, asked.caller.owner)
    cost = checked_cost(request, profile, settings)
    check_name(service, request)
    with service.traces.span("submit adapt", Role.PRODUCER) as span:
        asked = traced(asked, service.traces)
        admission = service.board.admit_adaptation(request, total_steps(request), cost.work_samples, asked)
        span.note(job=admission.record.id, work_job=admission.record.job)
    return admission


def check_name(service: Service, request: AdaptRequest) -> None:
    """Raises TaskConflictError when the name stands for other labels or other templates."""
    with store_failures(), suppress(UnknownTaskError):
        check_same(service.tasks_of(request.owner).find(request.name), request.label_task)


def default_wait(record: JobRecord) -> int:
    """Seconds that a client waits who says nothing: only what is done at once is waited for."""
    adapts = isinstance(record.request, AdaptRequest) and record.request.adapts
    return ADAPT_WAIT_SECONDS if adapts else REGISTER_WAIT_SECONDS
