"""Batches as JSON: the images in base64, as texts or as objects with a name and a text."""

from service.batches.received import IMAGES, BatchImage, ReceivedBatch, count_problems, images_problem, refused, shown
from service.body.json_bodies import NOT_BASE64, decode_image, parse_object
from service.body.received import EMPTY_IMAGE
from service.errors import MALFORMED_BODY, ProblemError
from service.limits import MAX_BATCH_IMAGES, UploadLimits

NOT_A_LIST = 'It must be a list of images, each a text in base64 or {"name": ..., "image": text in base64}.'
FORMS = ({"image"}, {"image", "name"})


def receive_batch_json(body: bytes, limits: UploadLimits) -> ReceivedBatch:
    """`limits.image` is that of each image."""
    values = parse_object(body)
    given = values.pop(IMAGES, [])
    items = given if isinstance(given, list) else [None]
    images = [image_of(item, limits) for item in items if is_image(item)]
    if len(images) < len(items):
        problems = [images_problem(NOT_A_LIST)]
    else:
        problems = count_problems(len(images), MAX_BATCH_IMAGES)
    return ReceivedBatch(images, values, strict=True, problems=problems)


def is_image(item: object) -> bool:
    if not isinstance(item, dict):
        return isinstance(item, str)
    return set(item) in FORMS and isinstance(item["image"], str) and isinstance(item.get("name"), str | None)


def image_of(item: object, limits: UploadLimits) -> BatchImage:
    text, name = (item["image"], item.get("name")) if isinstance(item, dict) else (str(item), None)

    def read() -> bytes:
        image = decoded(text, limits)
        if not image:
            raise refused(EMPTY_IMAGE)
        return image

    return BatchImage(shown(name), read)


def decoded(text: str, limits: UploadLimits) -> bytes:
    try:
        return decode_image(text, limits)
    except ProblemError as problem:
        raise refused(NOT_BASE64, MALFORMED_BODY) if problem.kind is MALFORMED_BODY else problem from None
