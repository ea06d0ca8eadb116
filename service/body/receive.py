"""Reading a submission, whatever kind of body it has."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import Request

from adapters.settings import Settings
from service.body.forms import receive_form
from service.body.json_bodies import parse_object, receive_json
from service.body.received import Received
from service.body.stream import body_deadline, check_declared_length, drained_on_problem, whole_body
from service.errors import UNSUPPORTED_MEDIA_TYPE, ProblemError
from service.limits import BodyLimits, FieldsLimit, form_limits, json_limits

FORM = "multipart/form-data"
JSON = "application/json"


async def receive(request: Request, settings: Settings) -> Received:
    """Reads the request within the limits; refuses what is too large, of another type, or malformed, in this order."""
    media_type = media_type_of(request)
    limits = json_limits(settings) if media_type == JSON else form_limits(settings)
    async with checked_body(request, limits, (FORM, JSON)):
        if media_type == FORM:
            return await receive_form(request, limits)
        return await anyio.to_thread.run_sync(receive_json, await whole_body(request, limits), limits)


async def receive_fields(request: Request) -> dict[str, object]:
    """As `receive`, for what takes JSON only and has no image: the values by name."""
    limits = FieldsLimit()
    async with checked_body(request, limits, (JSON,)):
        return await anyio.to_thread.run_sync(parse_object, await whole_body(request, limits))


@asynccontextmanager
async def checked_body(request: Request, limits: BodyLimits, accepted: Sequence[str]) -> AsyncIterator[None]:
    """Within it the body may be read: its headers are in order, and the time runs."""
    async with body_deadline():
        async with drained_on_problem(request):
            check_declared_length(request, limits)
            check_media_type(request, accepted)
        yield


def media_type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_media_type(request: Request, accepted: Sequence[str]) -> None:
    """Refuses any other kind of body; a compressed one too, since it may be far larger than its length."""
    if media_type_of(request) not in accepted or request.headers.get("content-encoding", "identity") != "identity":
        detail = f"The body must be {' or '.join(accepted)}, and not compressed."
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept": ", ".join(accepted)})
