"""What the headers say of a body: how long it is, of which kind, and whether it can be read at all."""

from collections.abc import Sequence

from fastapi import Request
from python_multipart.multipart import parse_options_header

from service.errors import TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ProblemError
from service.limits import BodyLimits

FORM = "multipart/form-data"
JSON = "application/json"
UTF_8 = ("utf-8", "utf8", "us-ascii")
TYPE, ENCODING = "content-type", "content-encoding"

TWO_TYPES = "The header Content-Type was sent more than once: send it once."
COMPRESSED = "The body is compressed, as its header Content-Encoding says: send it as it is, without that header."
OTHER_CHARSET = "The header Content-Type names another charset than UTF-8: send text in UTF-8."


def declared_length(request: Request) -> int | None:
    """The length that the body says itself that it has."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdecimal() else None


def check_declared_length(request: Request, limits: BodyLimits) -> None:
    """Refuses a body that says itself that it is too large."""
    declared = declared_length(request)
    if declared is not None and declared > limits.body:
        raise too_large(limits)


def too_large(limits: BodyLimits) -> ProblemError:
    return ProblemError(TOO_LARGE, limits.refusal)


def media_type_of(request: Request) -> str:
    return request.headers.get(TYPE, "").partition(";")[0].strip().lower()


def check_media_type(request: Request, accepted: Sequence[str]) -> None:
    """Refuses any other kind of body; a compressed one too, since it may be far larger than its length."""
    if reason := reason_against_type(request, accepted):
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE, reason, headers={"Accept": ", ".join(accepted)})


def reason_against_type(request: Request, accepted: Sequence[str]) -> str | None:
    if len(request.headers.getlist(TYPE)) > 1:
        return TWO_TYPES
    if media_type_of(request) not in accepted:
        return f"The body must be {' or '.join(accepted)}, as the header Content-Type says."
    if any(encoding.strip().lower() != "identity" for encoding in request.headers.getlist(ENCODING)):
        return COMPRESSED
    return None if charset_of(request) in UTF_8 else OTHER_CHARSET


def charset_of(request: Request) -> str:
    _, parameters = parse_options_header(request.headers[TYPE])
    return parameters.get(b"charset", b"utf-8").decode("latin-1").lower()
