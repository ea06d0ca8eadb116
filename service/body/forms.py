"""Multipart forms: one file, some fields, within limits."""

import json
import re
from collections.abc import AsyncGenerator, Sequence

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from adapters.contract.fields import FieldProblem, shown_name
from adapters.contract.label_sets import FIELD
from adapters.contract.sigmas import FIELD as SIGMAS
from service.body.headers import too_large
from service.body.received import (
    EMPTY_IMAGE,
    FILE_AND_TEXT,
    IMAGE,
    NO_IMAGE,
    TWO_IMAGES,
    Received,
    given_twice,
    image_problem,
)
from service.body.stream import limited_stream
from service.errors import MALFORMED_BODY, ProblemError
from service.limits import MAX_FORM_FIELD_BYTES, MAX_FORM_FIELDS, MAX_FORM_FILES, UploadLimits

LIST_FIELDS = ("labels", "templates", SIGMAS)
JSON_FIELDS = (FIELD,)
"""Repeated too, each value as JSON."""
NEVER_ALONE = ("labels",)
"""Of these, one value shows that a client joined several in one field."""
NUMBER_FIELDS = ("sigma", "n", "n0", "alpha", "target_radius", "tolerance", "draw", "radius")
NUMBER_LISTS = (SIGMAS,)
NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
QUOTED = re.compile(rb'"(\\.|[^"\\])*"')
EXTENDED_NAME = re.compile(rb";\s*filename\*[0-9*]*\s*=", re.IGNORECASE)
"""A file name as RFC 5987 writes it, which some clients send although RFC 7578 tells them not to."""
PLAIN_NAME = re.compile(rb";\s*filename\s*=", re.IGNORECASE)

NOT_A_NUMBER = "It must be a number in plain decimal digits, such as 100 or 0.25, without spaces or underscores."
NOT_NUMBERS = "Each must be a number in plain decimal digits: repeat the field, as in sigmas=0.25 and sigmas=0.5."
NOT_UTF_8 = "It is not valid UTF-8: send text in UTF-8."
REPEAT_FIELD = "Only one came: repeat the field, once for each value, as in labels=cat and labels=dog."
NO_JSON = 'Value {} is no JSON list of labels: repeat the field, once for each set, as in label_sets=["cat","dog"].'
NO_BRACKETS = "It came with brackets: repeat the field under its plain name, as in labels=cat and labels=dog."
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
        self.not_utf_8: list[str] = []

    def on_headers_finished(self) -> None:
        disposition = self._current_part.content_disposition or b""
        unquoted = QUOTED.sub(b"", disposition)
        if EXTENDED_NAME.search(unquoted) and not PLAIN_NAME.search(unquoted):
            # The name says that it is a file, and nothing else is made of it.
            self._current_part.content_disposition = disposition + b'; filename="file"'
        super().on_headers_finished()

    def on_part_end(self) -> None:
        """As the parser, which would read as Latin-1 what is no UTF-8."""
        part = self._current_part
        if part.file is None and not is_utf_8(part.data):
            self.not_utf_8.append(part.field_name)
        super().on_part_end()

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
    parser = WholeForm(request, limits)
    try:
        form = await parser.parse()
    except MultiPartException:
        raise ProblemError(MALFORMED_BODY, MALFORMED_FORM) from None
    try:
        return await received_form(form, parser.not_utf_8, limits)
    finally:
        await form.close()


async def received_form(form: FormData, not_utf_8: Sequence[str], limits: UploadLimits) -> Received:
    values, problems = text_fields(form)
    image, image_problems = await uploaded_image(form, limits)
    garbled = [FieldProblem(field=shown_name((name,)), detail=NOT_UTF_8) for name in dict.fromkeys(not_utf_8)]
    return Received(image, values, strict=False, problems=[*image_problems, *garbled, *problems])


def text_fields(form: FormData) -> tuple[dict[str, object], list[FieldProblem]]:
    """The fields that are text by name, and what is wrong with how they were sent."""
    values: dict[str, object] = {}
    problems = []
    for name in form:
        texts = [item for item in form.getlist(name) if isinstance(item, str)]
        if name.removesuffix("[]") in LIST_FIELDS:
            values[name.removesuffix("[]")] = texts
            problems += problems_of_list(name, texts)
        elif name in JSON_FIELDS:
            values[name], wrong = lists_of(name, texts)
            problems += wrong
        elif name != IMAGE and texts:
            values[name] = texts[0]
            problems += problems_of_text(name, texts)
    return values, problems


def lists_of(name: str, texts: Sequence[str]) -> tuple[list[object], list[FieldProblem]]:
    """The values of a field that is repeated as JSON, and what is wrong with the first that is none."""
    values: list[object] = []
    for number, text in enumerate(texts, start=1):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, list):
            return [], [FieldProblem(field=name, detail=NO_JSON.format(number))]
        values.append(value)
    return values, []


def problems_of_list(name: str, texts: Sequence[str]) -> list[FieldProblem]:
    """Of a field that is repeated."""
    plain = name.removesuffix("[]")
    if name != plain:
        return [FieldProblem(field=plain, detail=NO_BRACKETS)]
    if plain in NUMBER_LISTS and not all(map(NUMBER.fullmatch, texts)):
        return [FieldProblem(field=plain, detail=NOT_NUMBERS)]
    return [FieldProblem(field=plain, detail=REPEAT_FIELD)] if len(texts) == 1 and plain in NEVER_ALONE else []


def problems_of_text(name: str, texts: Sequence[str]) -> list[FieldProblem]:
    """Of a field that comes once."""
    if len(texts) > 1:
        return [given_twice(name)]
    if name in NUMBER_FIELDS and not NUMBER.fullmatch(texts[0]):
        return [FieldProblem(field=name, detail=NOT_A_NUMBER)]
    return []


async def uploaded_image(form: FormData, limits: UploadLimits) -> tuple[bytes | None, list[FieldProblem]]:
    """The one uploaded file, or what is wrong with the upload."""
    files = [(name, item) for name, item in form.multi_items() if isinstance(item, UploadFile)]
    is_text_there = any(isinstance(item, str) for item in form.getlist(IMAGE))
    if any((file.size or 0) > limits.image for _, file in files):
        raise too_large(limits)
    if len(files) > 1:
        return None, [image_problem(TWO_IMAGES)]
    if not files:
        return None, [image_problem(NOT_A_FILE if is_text_there else NO_IMAGE)]
    name, file = files[0]
    if name != IMAGE:
        return None, [FieldProblem(field=shown_name((name,)), detail="Only `image` may be a file.")]
    if is_text_there:
        return None, [image_problem(FILE_AND_TEXT)]
    data = await file.read()
    return (data, []) if data else (None, [image_problem(EMPTY_IMAGE)])


def is_utf_8(data: bytes | bytearray) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
