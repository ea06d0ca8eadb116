"""Checking a certificate that a client sends: its body, within limits, to the checks of `adapters/certificates`."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio.to_thread
from fastapi import Request

from adapters.certificates.check import Verification
from adapters.certificates.checks import verify
from adapters.certificates.document import MAX_BYTES
from adapters.certificates.key_files import signing_key
from adapters.certificates.keys import public_key_of
from adapters.certificates.public_keys import known_noise_key, public_keys
from adapters.certificates.signature_checks import TrustedKey
from adapters.certificates.vrf import PublicNoiseKey
from adapters.contract.fields import accepted, parse_fields
from adapters.contract.keys import PublicKeys
from adapters.settings import Settings
from robustify.errors import InvalidInputError, RobustifyError
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
    return verify(asked.certificate, trusted_key(asked, settings), image)


def length_of(text: object) -> int:
    return len(text) if isinstance(text, str) else 0


def trusted_key(asked: VerifyRequest, settings: Settings) -> TrustedKey:
    """The keys that are given, or those of this service: what is verified here does not wait for its first worker."""
    noise_key = None if asked.noise_key is None else PublicNoiseKey(asked.noise_key)
    if asked.key is not None:
        return TrustedKey(asked.key, "the given key", noise_key)
    with stored_keys():
        own, known = public_key_of(signing_key(settings)), known_noise_key(settings)
        if noise_key is None and known is not None:
            return TrustedKey.of(PublicKeys(public_key=own, noise_key=known), "the key of this service")
    return TrustedKey(own, "the key of this service", noise_key)


def own_public_keys(settings: Settings) -> PublicKeys:
    """What the workers sign with and prove their noise with; the first is made if there is none yet."""
    with stored_keys():
        return public_keys(settings)


@contextmanager
def stored_keys() -> Iterator[None]:
    """Whatever is wrong with the files of the keys is the operator's, and no fault of the request."""
    try:
        with store_failures():
            yield
    except InvalidInputError as error:
        raise ProblemError(STORE_UNAVAILABLE) from error
    except RobustifyError as error:
        raise ProblemError(STORE_UNAVAILABLE, f"The keys are not there yet: {error}.") from error
