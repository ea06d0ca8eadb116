"""From what a client sent to a job: check the parameters, decode the image, store it, and put the job on the board."""

import anyio.to_thread

from adapters.contract.jobs import InputImage, JobRecord
from adapters.contract.records import JobKind
from adapters.contract.smoothing import SmoothedParameters, check_fit, parse_parameters
from adapters.images import CanonicalImage, canonicalise_for
from adapters.preparation import AskedTask, asked_task, job_request
from robustify.types import Noise
from service.body.received import Received
from service.dependencies import Service
from service.errors import INVALID_INPUT, ProblemError, store_failures


async def submit(service: Service, kind: JobKind, received: Received) -> JobRecord:
    """The job of this request. The image is looked at last, when everything else is in order."""
    # Not in the event loop: a thousand long labels take half a second.
    parameters, asked, image = await anyio.to_thread.run_sync(check_received, service, kind, received)
    side, noise = service.profile.side, Noise(parameters.noise)
    canonical = await anyio.to_thread.run_sync(
        canonicalise_for, noise, image, side, limiter=service.decoders, abandon_on_cancel=False
    )
    return await anyio.to_thread.run_sync(enqueue, service, kind, parameters, asked, canonical)


def check_received(service: Service, kind: JobKind, received: Received) -> tuple[SmoothedParameters, AskedTask, bytes]:
    """The parameters, the task and the image; raises one problem with all that is wrong with the fields."""
    parameters, problems = parse_parameters(kind, received.values, received.strict)
    if parameters is not None:
        problems = list(check_fit(parameters, service.profile))
    problems = [*received.problems, *problems]
    if problems or parameters is None or received.image is None:
        raise ProblemError(INVALID_INPUT, errors=problems)
    with store_failures():
        return parameters, asked_task(parameters, service.profile, service.tasks), received.image


def enqueue(
    service: Service, kind: JobKind, parameters: SmoothedParameters, asked: AskedTask, image: CanonicalImage
) -> JobRecord:
    """Stores the canonical tensor, then submits the job that names it."""
    request = job_request(kind, parameters, asked, store_image(service, image), service.profile, service.settings)
    return service.board.submit(request, service.profile.samples_per_shard(service.settings))


def store_image(service: Service, image: CanonicalImage) -> InputImage:
    with store_failures():
        sha256 = service.store.put(image.tensor)
    _, height, width = image.tensor.shape
    return InputImage(
        sha256=sha256,
        height=height,
        width=width,
        source_sha256=image.source_sha256,
        source_norm=image.source_norm,
    )
