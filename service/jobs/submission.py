"""From what a client sent to a job: check the parameters, decode the image, store it, and put the job on the board."""

import anyio.to_thread

from adapters.contract.jobs import JobRecord
from adapters.contract.records import VoteKind
from adapters.images import CanonicalImage
from adapters.preparation import CheckedRequest, canonical_image, checked, request_of
from service.body.received import Received
from service.dependencies import Service
from service.errors import INVALID_INPUT, ProblemError, store_failures


async def submit(service: Service, kind: VoteKind, received: Received) -> JobRecord:
    """The job of this request. The image is looked at last, when everything else is in order."""
    # Not in the event loop: a thousand long labels take half a second.
    asked, image = await anyio.to_thread.run_sync(check_received, service, kind, received)
    canonical = await anyio.to_thread.run_sync(
        canonical_image, asked, image, service.profile, limiter=service.decoders, abandon_on_cancel=False
    )
    return await anyio.to_thread.run_sync(enqueue, service, asked, canonical)


def check_received(service: Service, kind: VoteKind, received: Received) -> tuple[CheckedRequest, bytes]:
    """What is asked, and the image; raises one problem with all that is wrong with the fields."""
    with store_failures():
        asked = checked(kind, received.values, received.strict, service.profile, service.tasks, received.problems)
    if received.image is None:  # Its problems say why, so that this is never reached.
        raise ProblemError(INVALID_INPUT)
    return asked, received.image


def enqueue(service: Service, asked: CheckedRequest, image: CanonicalImage) -> JobRecord:
    """Stores the canonical tensor, then submits the job that names it."""
    with store_failures():
        service.store.put(image.tensor)
    request = request_of(asked, image, service.profile, service.settings)
    return service.board.submit(request, service.profile.samples_per_shard(service.settings))
