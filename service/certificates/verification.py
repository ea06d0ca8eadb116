"""Checking a certificate that a client sends: its body, within limits, to the checks of `adapters/certificates`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anyio.to_thread
from fastapi import Request

from adapters.certificates.check import Verification
from adapters.certificates.checks import verify
from adapters.certificates.document import MAX_BYTES, read_certificate
from adapters.certificates.key_files import signing_key
from adapters.certificates.keys import public_key_of
from adapters.certificates.preprocessing import preprocessing_of
from adapters.certificates.public_keys import known_noise_key, public_keys
from adapters.certificates.signature_checks import TrustedKey
from adapters.certificates.vrf import PublicNoiseKey
from adapters.contract.fields import accepted, parse_fields
from adapters.contract.keys import PublicKeys
from adapters.images import CanonicalImage, Preprocessing
from adapters.settings import Settings
from robustify.errors import InvalidInputError, RobustifyError, UnreadableImageError
from robustify.types import Noise
from service.body.json_bodies import decode_image, parse_object
from service.body.presence import while_present
from service.body.receive import JSON, checked_body, in_line, owner_of, parsed
from service.body.stream import whole_body
from service.certificates.schemas import VerifyRequest
from service.dependencies import Service
from service.errors import STORE_UNAVAILABLE, TOO_LARGE, ProblemError, store_failures
from service.limits import UploadLimits, json_limits

PATH = "/certificates/verify"
NOT_DECODED = "The image was not looked at."
TOO_LARGE_DETAIL = f"Without the image the body may have at most {MAX_BYTES} bytes: send the documented fields only."


@dataclass(frozen=True)
class Asked:
    """What is to be checked; `image` are the bytes of the file that is given."""

    request: VerifyRequest
    image: bytes | None


async def verify_body(request: Request, service: Service) -> Verification:
    """The checks of the certificate in a request's body. Checks and pictures stand in lines of their own."""
    limits, owner = json_limits(service.settings), owner_of(request)
    async with checked_body(request, limits, (JSON,)) as reservation:
        with reservation:
            asked = await received_question(request, limits, service.settings)
            decoded = await while_present(request, lambda: decoded_image(asked, service, owner))
    return await in_line(request, service.lines.verifying, lambda: verify_asked(asked, decoded, service.settings))


async def received_question(request: Request, limits: UploadLimits, settings: Settings) -> Asked:
    body = await whole_body(request, limits)
    return await parsed(request, len(body), lambda: read_asked(body, settings))


def read_asked(body: bytes, settings: Settings) -> Asked:
    values = parse_object(body)
    if len(body) - length_of(values.get("image")) > MAX_BYTES:
        raise ProblemError(TOO_LARGE, TOO_LARGE_DETAIL)
    request = accepted(*parse_fields(PATH, VerifyRequest, values, strict=True))
    image = None if request.image is None else decode_image(request.image, json_limits(settings))
    return Asked(request.model_copy(update={"image": None}), image)


Decoded = CanonicalImage | UnreadableImageError


async def decoded_image(asked: Asked, service: Service, owner: str) -> Decoded | None:
    """The picture as the certificate wants it, or what is wrong with it; None where there is nothing to compare."""
    if asked.image is None:
        return None
    try:
        certificate = await anyio.to_thread.run_sync(read_certificate, asked.request.certificate)
        side, preprocessing = certificate.image.height, preprocessing_of(certificate)
        return await service.decoders.decode(certificate.noise, asked.image, side, owner, preprocessing)
    except UnreadableImageError as error:
        return error
    except InvalidInputError:  # It is no certificate, which the checks say.
        return None


def verify_asked(asked: Asked, decoded: Decoded | None, settings: Settings) -> Verification:
    def decode(noise: Noise, file: bytes, side: int, preprocessing: Preprocessing) -> CanonicalImage:
        if not isinstance(decoded, CanonicalImage):
            raise decoded or UnreadableImageError(NOT_DECODED)
        return decoded

    return verify(asked.request.certificate, trusted_key(asked.request, settings), asked.image, decode)


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
