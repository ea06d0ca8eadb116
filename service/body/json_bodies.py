"""JSON bodies: one object, the image in base64."""

import base64
import json

from service.body.headers import too_large
from service.body.received import EMPTY_IMAGE, IMAGE, NO_IMAGE, TWO_IMAGES, Received, given_twice, image_problem
from service.errors import INVALID_INPUT, MALFORMED_BODY, ProblemError
from service.limits import MAX_JSON_NAMES, MAX_JSON_PARTS, UploadLimits, base64_length

LARGEST_WHOLE = 1 << 53
"""The largest number up to which doubles tell all whole numbers apart."""

BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
"""What an image in base64 may be, as the description of the API says it."""

NOT_TEXT = "It must be a text in base64."
NOT_BASE64 = "It is not valid base64; send plain base64 with padding, without a data: prefix or line breaks."
MALFORMED_JSON = "The body is not valid JSON in UTF-8: send one JSON object."
NOT_AN_OBJECT = "The JSON is not an object: send one object with the documented fields."
TOO_MANY_PARTS = f"The JSON has over {MAX_JSON_PARTS} lists, objects and values: send the documented fields only."
TOO_MANY_NAMES = f"The JSON object has over {MAX_JSON_NAMES} names: send the documented fields only."


def receive_json(body: bytes, limits: UploadLimits) -> Received:
    values = parse_object(body)
    text = values.pop(IMAGE, None)
    if not isinstance(text, str):
        return Received(None, values, strict=True, problems=[image_problem(reason_against(text))])
    image = decode_image(text, limits)
    return Received(image or None, values, strict=True, problems=[] if image else [image_problem(EMPTY_IMAGE)])


def reason_against(image: object) -> str:
    """What is wrong with an image that is no text."""
    if image is None:
        return NO_IMAGE
    return TWO_IMAGES if isinstance(image, list) else NOT_TEXT


def parse_object(body: bytes) -> dict[str, object]:
    """The values by name; null counts as not given."""
    check_parts(body)
    try:
        values = json.loads(body.decode(), object_pairs_hook=distinct_names, parse_float=number)
    except (ValueError, RecursionError):
        raise ProblemError(MALFORMED_BODY, MALFORMED_JSON) from None
    if not isinstance(values, dict):
        raise ProblemError(MALFORMED_BODY, NOT_AN_OBJECT)
    return {name: value for name, value in values.items() if value is not None}


def check_parts(body: bytes) -> None:
    """Refuses what would take many times its length in memory, before it is parsed; base64 has none of these signs."""
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MAX_JSON_PARTS:
        raise ProblemError(MALFORMED_BODY, TOO_MANY_PARTS)


def number(text: str) -> int | float:
    """To JSON, 100.0 and 1e2 are the same number as 100: a whole one, wherever one is wanted."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) <= LARGEST_WHOLE else value


def distinct_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; refuses one in which a name comes twice, since readers differ in which one they take."""
    if len(pairs) > MAX_JSON_NAMES:
        raise ProblemError(MALFORMED_BODY, TOO_MANY_NAMES)
    values: dict[str, object] = {}
    for name, value in pairs:
        if name in values:
            raise ProblemError(INVALID_INPUT, errors=[given_twice(name)])
        values[name] = value
    return values


def decode_image(text: str, limits: UploadLimits) -> bytes:
    if len(text) > base64_length(limits.image):
        raise too_large(limits)
    try:
        image = base64.b64decode(text, validate=True)
    except ValueError:
        raise ProblemError(MALFORMED_BODY, errors=[image_problem(NOT_BASE64)]) from None
    if len(image) > limits.image:
        raise too_large(limits)
    return image
