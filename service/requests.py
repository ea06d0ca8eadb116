"""Reading a submission, whatever kind of body it has."""

import anyio.to_thread
from fastapi import Request

from adapters.settings import Settings
from service.body import body_deadline, check_declared_length, drained_on_problem, limited_stream
from service.errors import UNSUPPORTED_MEDIA_TYPE, ProblemError
from service.forms import receive_form
from service.json_bodies import receive_json
from service.limits import form_body_limit, json_body_limit
from service.received import Received

FORM = "multipart/form-data"
JSON = "application/json"


async def receive(request: Request, settings: Settings) -> Received:
    """Reads the request within the limits; refuses what is too large, of another type, or malformed, in this order."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    limit = json_body_limit(settings) if media_type == JSON else form_body_limit(settings)
    async with body_deadline():
        async with drained_on_problem(request):
            check_declared_length(request, limit)
            check_media_type(request, media_type)
        if media_type == FORM:
            return await receive_form(request, limit, settings.max_upload_bytes)
        body = b"".join([piece async for piece in limited_stream(request, limit)])
        return await anyio.to_thread.run_sync(receive_json, body, settings.max_upload_bytes)


def check_media_type(request: Request, media_type: str) -> None:
    """Refuses any other kind of body; a compressed one too, since it may be far larger than its length."""
    if media_type not in (FORM, JSON) or request.headers.get("content-encoding", "identity") != "identity":
        detail = f"The body must be {FORM} or {JSON}, and not compressed."
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept": f"{FORM}, {JSON}"})
