"""Reading a batch, whatever kind of body it has, when there is room for it."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

from fastapi import Request

from adapters.settings import Settings
from service.batches.forms import Spool, receive_batch_form
from service.batches.json_batches import receive_batch_json
from service.batches.received import ReceivedBatch
from service.body.headers import media_type_of
from service.body.receive import FORM, JSON, Held, checked_body, parsed
from service.body.stream import whole_body
from service.errors import store_failures
from service.limits import (
    COPIES_OF_A_BATCH,
    COPIES_OF_A_BODY,
    FIELDS_BYTES,
    JSON_PART_OF_A_BATCH,
    UploadLimits,
    base64_length,
)


@asynccontextmanager
async def receiving(request: Request, settings: Settings) -> AsyncIterator[ReceivedBatch]:
    """The batch, whose images may be read until the block ends. Raises problems as `receive` does."""
    is_json = media_type_of(request) == JSON
    limits = batch_limits(settings, is_json)
    held = held_of_json if is_json else held_of_form(limits)
    with spool_for(settings, is_json) as spool:
        async with checked_body(request, limits, (FORM, JSON), held) as reservation:
            received = await read(request, limits, spool)
        with reservation:
            yield received


def spool_for(settings: Settings, is_json: bool) -> AbstractContextManager[Spool | None]:
    """JSON needs none."""
    with store_failures():
        return nullcontext() if is_json else Spool(settings.state.uploads)


async def read(request: Request, limits: UploadLimits, spool: Spool | None) -> ReceivedBatch:
    if spool is None:
        return await received_json(request, limits)
    with store_failures():
        return await receive_batch_form(request, limits, spool)


async def received_json(request: Request, limits: UploadLimits) -> ReceivedBatch:
    body = await whole_body(request, limits)
    return await parsed(request, len(body), lambda: receive_batch_json(body, limits))


def held_of_json(size: int) -> int:
    return COPIES_OF_A_BATCH * size


def held_of_form(limits: UploadLimits) -> Held:
    """No more than one image is in memory at a time, as it was sent and on its way to a decoder."""
    return lambda size: COPIES_OF_A_BODY * min(size, limits.image)


def batch_limits(settings: Settings, is_json: bool) -> UploadLimits:
    """JSON may have a part of what a form may, since it is held in memory."""
    size = settings.max_batch_bytes
    body = base64_length(size // JSON_PART_OF_A_BATCH) if is_json else size
    return UploadLimits(settings.max_upload_bytes, body + FIELDS_BYTES)
