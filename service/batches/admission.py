"""From a batch to its jobs: check what is asked once, then take the images one after the other.

1. The fields are checked, and whether the queue and the quota have room for all images: a batch that cannot fit is
   refused whole, before anything is decoded or charged.
2. Each image is decoded, admitted and stored as one of /predict or /certify is. One that cannot be is a line of the
   batch, with its problem, and ends nothing: also where another request has taken the room meanwhile.
3. The batch is put on the board, with the tickets of those that were taken.

A client that goes away before the third step leaves the jobs that it has by then. Asked again, they are the same jobs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio
import anyio.to_thread

from adapters.canonical_json import text_digest
from adapters.contract.batch import BatchEntry, BatchRecord
from adapters.contract.jobs import JobError
from adapters.contract.records import VoteKind
from adapters.images import CanonicalImage
from adapters.preparation import CheckedRequest, checked, copies_of, deciding_samples
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.profile import Profile
from adapters.queue.asking import Admission, Asked
from robustify.errors import QueueUnavailableError, RobustifyError
from service.batches.received import BatchImage, ReceivedBatch, digest_of
from service.dependencies import Service, room_to_store
from service.errors import (
    BUSY,
    DECODER_ENDED,
    QUEUE_UNAVAILABLE,
    STORE_FULL,
    STORE_UNAVAILABLE,
    ProblemError,
    client_problem,
    store_failures,
)
from service.jobs.submission import enqueue

T = TypeVar("T")
MOST_TRIES, PAUSE_SECONDS = 4, 2.0
"""Where others use the decoders; each try has waited in line before."""
PASSING = (BUSY, DECODER_ENDED)
FATAL = (QUEUE_UNAVAILABLE, STORE_UNAVAILABLE, STORE_FULL)
"""They end the batch: sent again, it goes on where it was."""


@dataclass(frozen=True)
class AskedBatch:
    """What is asked of all images, and on whose behalf; `digest` is that of all that was sent."""

    request: CheckedRequest
    images: tuple[BatchImage, ...]
    asked: Asked

    @property
    def kind(self) -> VoteKind:
        return self.request.kind


async def admit_batch(service: Service, batch: AskedBatch) -> tuple[BatchRecord, bool]:
    """The batch, and whether it was there already under its Idempotency-Key."""
    digest = await in_thread(lambda: digest_of_batch(batch)) if batch.asked.idempotency_key else ""
    before = await in_thread(lambda: service.board.batch_before(digest, batch.asked))
    if before is not None:
        return before, True
    await in_thread(lambda: check_room(service, batch))
    each = replace(batch.asked, idempotency_key=None, webhook=None)
    entries = [await admitted(service, batch.request, image, each) for image in batch.images]
    return await in_thread(lambda: service.board.add_batch(batch.kind, entries, digest, batch.asked))


def check_batch(
    service: Service, kind: VoteKind, profile: Profile, received: ReceivedBatch, asked: Asked
) -> AskedBatch:
    """What is asked; raises one problem with all that is wrong with the fields."""
    with store_failures():
        tasks = service.tasks_of(asked.caller.owner)
        request = checked(kind, received.values, received.strict, profile, tasks, received.problems)
    return AskedBatch(request, tuple(received.images), asked)


def check_room(service: Service, batch: AskedBatch) -> None:
    parameters = batch.request.parameters
    profile, count = batch.request.profile, len(batch.images)
    n0 = deciding_samples(parameters, profile, service.settings).n0
    engine = engine_digest(profile, service.settings)
    copies = count * copies_of(parameters) * (n0 + parameters.n)
    service.board.check_room(batch.kind, engine, count, copies, batch.asked)


async def admitted(service: Service, request: CheckedRequest, image: BatchImage, asked: Asked) -> BatchEntry:
    """The line of one image. Raises the problem that ends all of them."""
    sha256: str | None = None
    try:
        data = await in_thread(image.read)
        sha256 = await in_thread(lambda: digest_of(data))
        ticket = await taken(service, request, data, asked)
        return BatchEntry(name=image.name, sha256=sha256, ticket=ticket)
    except QueueUnavailableError:
        raise
    except (RobustifyError, ProblemError) as error:
        problem = error if isinstance(error, ProblemError) else client_problem(error)
        if problem.kind in FATAL:
            raise
        return BatchEntry(name=image.name, sha256=sha256, error=line_error(problem))


async def taken(service: Service, request: CheckedRequest, data: bytes, asked: Asked) -> str:
    """The ticket of one image, which waits for a decoder longer than who waits for one answer would."""
    for _ in range(MOST_TRIES - 1):
        try:
            return await taken_now(service, request, data, asked)
        except ProblemError as problem:
            if problem.kind not in PASSING:
                raise
        await anyio.sleep(PAUSE_SECONDS)
    return await taken_now(service, request, data, asked)


async def taken_now(service: Service, request: CheckedRequest, data: bytes, asked: Asked) -> str:
    profile, owner = request.profile, asked.caller.owner
    canonical = await service.decoders.decode(request.noise, data, profile.side, owner, profile.preprocessing)
    admission = await in_thread(lambda: enqueue_where_there_is_room(service, request, canonical, asked))
    return admission.record.id


def enqueue_where_there_is_room(
    service: Service, request: CheckedRequest, image: CanonicalImage, asked: Asked
) -> Admission:
    """The images before this one may have taken it."""
    room_to_store(service)
    return enqueue(service, request, image, asked)


def line_error(problem: ProblemError) -> JobError:
    """As that of a failed job, which is shown with the whole of its type."""
    return JobError(type=problem.kind.slug, title=problem.kind.title, detail=problem.detail)


def digest_of_batch(batch: AskedBatch) -> str:
    """Tells one batch from another: by what is asked of the images, and by the images in their order."""
    request = batch.request
    asked = request.asked
    parameters = request.parameters.model_dump(mode="json")
    about = [request.kind, request.profile.name, parameters, asked.version, asked.task.adaptation]
    return text_digest(json.dumps(["batch", about, [[image.name, file_digest(image)] for image in batch.images]]))


def file_digest(image: BatchImage) -> str:
    """Of what cannot be read, nothing tells it from others of its kind."""
    try:
        return digest_of(image.read())
    except ProblemError as problem:
        return problem.kind.slug


async def in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)
