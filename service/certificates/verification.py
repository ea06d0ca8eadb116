"""Checking a certificate that a client sends: its body, within limits, to the checks of `adapters/certificates`."""

import anyio.to_thread
from fastapi import Request

from adapters.certificates.checks import TrustedKey, Verification, verify
from adapters.certificates.document import MAX_BYTES
from adapters.certificates.keys import public_key_of
from adapters.contract.fields import accepted, parse_fields
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from service.body.json_bodies import decode_image, parse_object
from service.body.receive import JSON, checked_body
from service.body.stream import whole_body
from service.certificates.schemas import VerifyRequest
from service.dependencies import Service
from service.errors import STORE_UNAVAILABLE, TOO_LARGE, ProblemError, store_failures
from service.limits import json_limits

PATH = "/certificates/verify"
TOO_LARGE_DETAIL = f"Without the image the body may have at most {MAX_BYTES} bytes: send the documented fields only."


async def verify_body(request: Request, service: Service) -> Verification:
    """The checks of the certificate in a request's body."""
    limits = json_limits(service.settings)
    async with checked_body(request, limits, (JSON,)):
        body = await whole_body(request, limits)
    # No more at once than images are decoded: a large one takes 0.5 GB.
    return await anyio.to_thread.run_sync(
        verify_parsed, body, service.settings, limiter=service.decoders, abandon_on_cancel=False
    )


def verify_parsed(body: bytes, settings: Settings) -> Verification:
    values = parse_object(body)
    if len(body) - length_of(values.get("image")) > MAX_BYTES:
        raise ProblemError(TOO_LARGE, TOO_LARGE_DETAIL)
    asked = accepted(*parse_fields(PATH, VerifyRequest, values, strict=True))
    image = None if asked.image is None else decode_image(asked.image, json_limits(settings))
    return verify(asked.certificate, trusted_key(asked.key, settings), image)


def length_of(text: object) -> int:
    return len(text) if isinstance(text, str) else 0


def trusted_key(given: str | None, settings: Settings) -> TrustedKey:
    if given is not None:
        return TrustedKey(given, "the given key")
    return TrustedKey(own_public_key(settings), "the key of this service")


def own_public_key(settings: Settings) -> str:
    """The key that the workers sign with; it is made if there is none yet."""
    try:
        with store_failures():
            return public_key_of(settings.signing_secret())
    except InvalidInputError as error:
        raise ProblemError(STORE_UNAVAILABLE) from error
