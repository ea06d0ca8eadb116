"""From what a client sent to a job: check the parameters, decode the image, put the job on the board, store the image.

1. What is asked is checked, and the image decoded, before anybody is charged for it.
2. The board admits the job, or refuses it: then nothing is stored.
3. The canonical tensor is stored, and the job may begin. Where there is no room, the job is let go again.

A service that dies between 2 and 3 leaves a job that nobody works on, for a minute; who asks again goes on with it.
"""

from dataclasses import replace

import anyio.to_thread

from adapters.contract.access import Caller
from adapters.contract.records import VoteKind
from adapters.images import CanonicalImage
from adapters.preparation import CheckedRequest, checked, request_of
from adapters.queue.asking import Admission, Asked
from adapters.traces.spans import Role, Traces
from service.body.presence import while_present
from service.body.received import Received
from service.choosing import with_profile
from service.dependencies import Service
from service.errors import INVALID_INPUT, STORE_UNAVAILABLE, ProblemError, store_failures
from service.jobs.asking import with_webhook
from service.limits import FEW_LABELS


async def submit(service: Service, kind: VoteKind, received: Received, asked: Asked) -> Admission:
    """The job of this request. The image is looked at last, when everything else is in order."""
    asked, values, problems = with_webhook(asked, received.values, service.receivers)
    received = replace(received, values=values, problems=[*received.problems, *problems])
    with received.held:
        request, image = await checked_fields(service, kind, received, asked.caller)
        canonical = await decoded(service, request, image, received)
    async with service.lines.admitting.place(received.owner):
        return await anyio.to_thread.run_sync(enqueue, service, request, canonical, asked)


async def checked_fields(
    service: Service, kind: VoteKind, received: Received, caller: Caller
) -> tuple[CheckedRequest, bytes]:
    """Not in the event loop, and of many labels only some requests at a time: a thousand long ones take a second."""
    labels = received.values.get("labels")
    are_many = isinstance(labels, list) and len(labels) > FEW_LABELS
    async with (service.lines.parsing if are_many else service.lines.checking).place(received.owner):
        return await anyio.to_thread.run_sync(check_received, service, kind, received, caller)


async def decoded(service: Service, request: CheckedRequest, image: bytes, received: Received) -> CanonicalImage:
    """The canonical tensor, as long as the client waits for it."""

    async def decode() -> CanonicalImage:
        profile = request.profile
        return await service.decoders.decode(request.noise, image, profile.side, received.owner, profile.preprocessing)

    return await (decode() if received.request is None else while_present(received.request, decode))


def check_received(
    service: Service, kind: VoteKind, received: Received, caller: Caller
) -> tuple[CheckedRequest, bytes]:
    """What is asked, and the image; raises one problem with all that is wrong with the fields."""
    profile, values, wrong = with_profile(service, caller, received.values)
    with store_failures():
        tasks = service.tasks_of(caller.owner)
        request = checked(kind, values, received.strict, profile, tasks, [*received.problems, *wrong])
    if received.image is None:  # Its problems say why, so that this is never reached.
        raise ProblemError(INVALID_INPUT)
    return request, received.image


def enqueue(service: Service, request: CheckedRequest, image: CanonicalImage, asked: Asked) -> Admission:
    """Steps 2 and 3."""
    job = request_of(request, image, service.settings)
    with service.traces.span(f"submit {job.kind}", Role.PRODUCER) as span:
        samples = request.profile.samples_per_shard(service.settings)
        admission = service.board.admit(job, samples, traced(asked, service.traces), service.image_bytes)
        span.note(job=admission.record.id, work_job=admission.record.job)
        if admission.needs_image:
            store_image(service, image, admission)
    return admission


def traced(asked: Asked, traces: Traces) -> Asked:
    """What is asked, to be followed by the span that is under way, or where there is none by the client's."""
    return replace(asked, trace=traces.traceparent or asked.trace)


def store_image(service: Service, image: CanonicalImage, admission: Admission) -> None:
    """Step 3. A worker may begin while the disk still writes; the client is answered when it has."""
    try:
        sha256 = service.store.place(image.tensor)
        service.board.commit(admission)
        service.store.make_durable(sha256)
    except OSError as error:
        service.board.let_go(admission.record.id, admission.record.owner)
        raise ProblemError(STORE_UNAVAILABLE) from error
