"""Multipart forms: one file, some fields, within limits."""

from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from adapters.contract.fields import FieldProblem, shown_name
from service.body.received import EMPTY_IMAGE, IMAGE, NO_IMAGE, TWO_IMAGES, Received, given_twice, image_problem
from service.body.stream import limited_stream, too_large
from service.errors import MALFORMED_BODY, ProblemError
from service.limits import MAX_FORM_FIELD_BYTES, MAX_FORM_FIELDS, MAX_FORM_FILES, UploadLimits

LIST_FIELDS = ("labels",)

NOT_A_FILE = "It was sent as text; send it as a file, with a file name."
MALFORMED_FORM = (
    f"The body is not complete multipart/form-data, or has over {MAX_FORM_FIELDS} fields, over {MAX_FORM_FILES} files "
    f"or a field over {MAX_FORM_FIELD_BYTES} bytes."
)


class WholeForm(MultiPartParser):
    """Starlette's parser, which would take a form whose end is missing for a whole one."""

    def __init__(self, request: Request, limits: UploadLimits) -> None:
        super().__init__(
            request.headers,
            self.until_the_end(limited_stream(request, limits)),
            max_files=MAX_FORM_FILES,
            max_fields=MAX_FORM_FIELDS,
            max_part_size=MAX_FORM_FIELD_BYTES,
        )
        # A full disk stops no upload: the image is read into memory in any case.
        self.spool_max_size = limits.body
        self.has_ended = False

    def on_end(self) -> None:
        self.has_ended = True

    async def until_the_end(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The pieces; raises in the midst of parsing, so that the parser closes its files."""
        async for piece in pieces:
            yield piece
        if not self.has_ended:
            raise MultiPartException("the last boundary is missing")


async def receive_form(request: Request, limits: UploadLimits) -> Received:
    """Reads a form within the limits."""
    try:
        form = await WholeForm(request, limits).parse()
    except MultiPartException:
        raise ProblemError(MALFORMED_BODY, MALFORMED_FORM) from None
    try:
        return await received_form(form, limits)
    finally:
        await form.close()


async def received_form(form: FormData, limits: UploadLimits) -> Received:
    values, problems = text_fields(form)
    image, image_problems = await uploaded_image(form, limits)
    return Received(image, values, strict=False, problems=[*image_problems, *problems])


def text_fields(form: FormData) -> tuple[dict[str, object], list[FieldProblem]]:
    """The fields that are text by name, and which of them were given too often."""
    values: dict[str, object] = {}
    problems = []
    for name in form:
        texts = [item for item in form.getlist(name) if isinstance(item, str)]
        if name in LIST_FIELDS:
            values[name] = texts
        elif name != IMAGE and texts:
            values[name] = texts[0]
            problems += [given_twice(name)] if len(texts) > 1 else []
    return values, problems


async def uploaded_image(form: FormData, limits: UploadLimits) -> tuple[bytes | None, list[FieldProblem]]:
    """The one uploaded file, or what is wrong with the upload."""
    files = [(name, item) for name, item in form.multi_items() if isinstance(item, UploadFile)]
    if any((file.size or 0) > limits.image for _, file in files):
        raise too_large(limits)
    if len(files) > 1:
        return None, [image_problem(TWO_IMAGES)]
    if not files:
        return None, [image_problem(NOT_A_FILE if IMAGE in form else NO_IMAGE)]
    name, file = files[0]
    if name != IMAGE:
        return None, [FieldProblem(field=shown_name((name,)), detail="Only `image` may be a file.")]
    data = await file.read()
    return (data, []) if data else (None, [image_problem(EMPTY_IMAGE)])
