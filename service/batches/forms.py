"""Batches as multipart forms: many files, spooled to one file on disk while they come, and read one at a time."""

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException

from adapters.contract.fields import FieldProblem, shown_name
from service.batches.received import IMAGES, BatchImage, ReceivedBatch, count_problems, images_problem, refused, shown
from service.body.forms import NOT_UTF_8, WholeForm, text_fields
from service.body.received import EMPTY_IMAGE
from service.errors import MALFORMED_BODY, TOO_LARGE, ProblemError
from service.limits import MAX_BATCH_IMAGES, MAX_FORM_FIELD_BYTES, MAX_FORM_FIELDS, UploadLimits

NOT_FILES = "Some were sent as text; send each as a file, with a file name."
ONLY_IMAGES = f"Only `{IMAGES}` may be files."
MALFORMED_FORM = (
    f"The body is not complete multipart/form-data, or has over {MAX_FORM_FIELDS} fields, over {MAX_BATCH_IMAGES} "
    f"files or a field over {MAX_FORM_FIELD_BYTES} bytes."
)


class Spool:
    """One file without a name in a folder, which vanishes when it is closed or the process ends."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where there is no room."""
        folder.mkdir(parents=True, exist_ok=True)
        self.file: IO[bytes] = TemporaryFile(dir=folder)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class Section:
    """One uploaded file as a part of the spool; as parts of a form come one after the other, so do sections."""

    def __init__(self, spool: Spool) -> None:
        self._file = spool.file
        self._start = 0
        self.size = 0

    def write(self, data: bytes) -> int:
        if not self.size:
            self._start = self._file.tell()
        self.size += len(data)
        return self._file.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """The parser goes back to the start when it has written all; reading starts there in any case."""
        self._file.flush()
        return 0

    def read(self) -> bytes:
        """All of it, from any thread."""
        return os.pread(self._file.fileno(), self.size, self._start)

    def close(self) -> None:
        """Its spool is closed when all are done with."""


class BatchForm(WholeForm):
    """A form whose files go to a spool."""

    def __init__(self, request: Request, limits: UploadLimits, spool: Spool) -> None:
        super().__init__(request, limits)
        self.max_files = MAX_BATCH_IMAGES
        self._spool = spool

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None:
            part.file.file.close()  # The parser's own, which stays empty.
            # A section has what the parser and `UploadFile` call of a file, and no more.
            section = cast(BinaryIO, Section(self._spool))
            headers = Headers(raw=part.item_headers)
            part.file = UploadFile(section, size=0, filename=part.file.filename, headers=headers)


async def receive_batch_form(request: Request, limits: UploadLimits, spool: Spool) -> ReceivedBatch:
    """Reads a form within the limits; `limits.image` is that of each image. The spool must outlive what is received."""
    parser = BatchForm(request, limits, spool)
    try:
        form = await parser.parse()
    except MultiPartException:
        raise ProblemError(MALFORMED_BODY, MALFORMED_FORM) from None
    garbled = [FieldProblem(field=shown_name((name,)), detail=NOT_UTF_8) for name in dict.fromkeys(parser.not_utf_8)]
    return received_batch(form, garbled, limits)


def received_batch(form: FormData, garbled: list[FieldProblem], limits: UploadLimits) -> ReceivedBatch:
    values, problems = text_fields(form)
    values.pop(IMAGES, None)
    files = [(name, item) for name, item in form.multi_items() if isinstance(item, UploadFile)]
    images = [image_of(file, limits) for name, file in files if name == IMAGES]
    wrong = [
        *(FieldProblem(field=shown_name((name,)), detail=ONLY_IMAGES) for name, _ in files if name != IMAGES),
        *(images_problem(NOT_FILES) for item in form.getlist(IMAGES)[:1] if isinstance(item, str)),
    ]
    others = [problem for problem in problems if problem.field != IMAGES]
    return ReceivedBatch(
        images,
        values,
        strict=False,
        problems=[*(wrong or count_problems(len(images), MAX_BATCH_IMAGES)), *garbled, *others],
    )


def image_of(file: UploadFile, limits: UploadLimits) -> BatchImage:
    section = cast(Section, file.file)

    def read() -> bytes:
        if not section.size:
            raise refused(EMPTY_IMAGE)
        if section.size > limits.image:
            raise refused(limits.refusal, TOO_LARGE)
        return section.read()

    return BatchImage(shown(file.filename), read)
