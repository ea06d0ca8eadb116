"""From what a client sent to a job: check the parameters, decode the image, put the job on the board, store the image.

1. What is asked is checked, and the image decoded, before anybody is charged for it.
2. The board admits the job, or refuses it: then nothing is stored.
3. The canonical tensor is stored, and the job may begin. Where there is no room, the job is let go again.

A service that dies between 2 and 3 leaves a job that nobody works on, for a minute; who asks again goes on with it.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

import anyio.to_thread

from adapters.contract.access import Caller
from adapters.contract.label_sets import FIELD as LABEL_SETS
from adapters.contract.looks import shard_samples
from adapters.contract.records import VoteKind
from adapters.images import CanonicalImage
from adapters.preparation import CheckedRequest, checked, request_of
from adapters.profiles.profile import Profile
from adapters.queue.asking import Admission, Asked
from adapters.traces.spans import Role, Traces
from robustify.errors import StoreUnavailableError
from robustify.types import Noise
from service.body.presence import while_present
from service.body.received import Received
from service.choosing import with_profile
from service.dependencies import Service
from service.errors import INVALID_INPUT, STORE_UNAVAILABLE, ProblemError, store_failures
from service.jobs.asking import with_webhook
from service.limits import FEW_LABELS

MOST_PLACINGS, PLACING_SECONDS = 100, 0.05
"""Of an image that is just being removed, as one that nobody wanted any more: it takes milliseconds."""


async def submit(service: Service, kind: VoteKind, received: Received, asked: Asked) -> Admission:
    """The job of this request. The image is looked at last, when everything else is in order."""
    asked, values, problems = with_webhook(asked, received.values, service.receivers)
    received = replace(received, values=values, problems=[*received.problems, *problems])
    with received.held:
        request, image = await checked_fields(service, kind, received, asked.caller)
        canonical = await decoded(service, request.profile, request.noise, image, received)
    async with service.lines.admitting.place(received.owner):
        return await anyio.to_thread.run_sync(enqueue, service, request, canonical, asked)


async def checked_fields(
    service: Service, kind: VoteKind, received: Received, caller: Caller
) -> tuple[CheckedRequest, bytes]:
    """Not in the event loop, and of many labels only some requests at a time: a thousand long ones take a second."""
    line = service.lines.parsing if has_many_labels(received.values) else service.lines.checking
    async with line.place(received.owner):
        return await anyio.to_thread.run_sync(check_received, service, kind, received, caller)


def has_many_labels(values: Mapping[str, object]) -> bool:
    """In one set, or in several."""
    labels, label_sets = values.get("labels"), values.get(LABEL_SETS)
    sets = [labels, *(label_sets if isinstance(label_sets, list) else ())]
    return sum(len(labels) for labels in sets if isinstance(labels, list)) > FEW_LABELS


async def decoded(service: Service, profile: Profile, noise: Noise, image: bytes, received: Received) -> CanonicalImage:
    """The canonical tensor, as long as the client waits for it."""

    async def decode() -> CanonicalImage:
        return await service.decoders.decode(noise, image, profile.side, received.owner, profile.preprocessing)

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
        samples = shard_samples(request.profile, service.settings, job.copies)
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
        for _ in range(MOST_PLACINGS):
            if service.board.commit(admission):
                break
            time.sleep(PLACING_SECONDS)
            sha256 = service.store.place(image.tensor)
        else:
            raise StoreUnavailableError("somebody who removes the image does not come to an end")
        service.store.make_durable(sha256)
    except OSError as error:
        service.board.let_go(admission.record.id, admission.record.owner)
        raise ProblemError(STORE_UNAVAILABLE) from error
