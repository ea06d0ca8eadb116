"""From what a client sent to a preview on the board, as `service/jobs/submission.py` has it for answers."""

from dataclasses import replace

import anyio.to_thread

from adapters.contract.access import Caller
from adapters.images import CanonicalImage
from adapters.previews.preparation import CheckedPreview, checked_preview, preview_request
from adapters.queue.asking import Admission, Asked
from adapters.traces.spans import Role
from robustify.types import Noise
from service.body.received import Received
from service.choosing import with_profile
from service.dependencies import Service
from service.errors import INVALID_INPUT, ProblemError, store_failures
from service.jobs.asking import with_webhook
from service.jobs.submission import decoded, has_many_labels, store_image, traced


async def submit_preview(service: Service, received: Received, asked: Asked) -> Admission:
    """The job of this request. The image is looked at last, when everything else is in order."""
    asked, values, problems = with_webhook(asked, received.values, service.receivers)
    received = replace(received, values=values, problems=[*received.problems, *problems])
    with received.held:
        preview, image = await checked_fields(service, received, asked.caller)
        canonical = await decoded(service, preview.profile, Noise.GAUSSIAN, image, received)
    async with service.lines.admitting.place(received.owner):
        return await anyio.to_thread.run_sync(enqueue, service, preview, canonical, asked)


async def checked_fields(service: Service, received: Received, caller: Caller) -> tuple[CheckedPreview, bytes]:
    """Not in the event loop, and of many labels only some requests at a time."""
    line = service.lines.parsing if has_many_labels(received.values) else service.lines.checking
    async with line.place(received.owner):
        return await anyio.to_thread.run_sync(check_received, service, received, caller)


def check_received(service: Service, received: Received, caller: Caller) -> tuple[CheckedPreview, bytes]:
    """What is asked, and the image; raises one problem with all that is wrong with the fields."""
    profile, values, wrong = with_profile(service, caller, received.values)
    with store_failures():
        tasks = service.tasks_of(caller.owner)
        preview = checked_preview(values, received.strict, profile, tasks, [*received.problems, *wrong])
    if received.image is None:  # Its problems say why, so that this is never reached.
        raise ProblemError(INVALID_INPUT)
    return preview, received.image


def enqueue(service: Service, preview: CheckedPreview, image: CanonicalImage, asked: Asked) -> Admission:
    request = preview_request(preview, image, service.settings)
    with service.traces.span(f"submit {request.kind}", Role.PRODUCER) as span:
        admission = service.board.admit_preview(request, traced(asked, service.traces), service.image_bytes)
        span.note(job=admission.record.id, work_job=admission.record.job)
        if admission.needs_image:
            store_image(service, image, admission)
    return admission
