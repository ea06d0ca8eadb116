"""What a client sent: the bytes of the image and the values of the fields; not yet what they mean."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from fastapi import Request

from adapters.contract.access import KEYLESS
from adapters.contract.fields import FieldProblem, shown_name

IMAGE = "image"
NO_IMAGE = "None was sent; send one JPEG, PNG or WebP file."
EMPTY_IMAGE = "The file is empty; send one JPEG, PNG or WebP file."
TWO_IMAGES = "More than one was sent; send one image per request."
FILE_AND_TEXT = "It was sent as a file and as text too; send the file alone."


@dataclass(frozen=True)
class Received:
    """`image` is None where `problems` say why; `strict`: numbers came as numbers, not as text.

    `request` is where it came from, and `owner` whose it is. `held` are the bytes in flight that were reserved for it:
    whoever has done with the image leaves it as a context.
    """

    image: bytes | None
    values: Mapping[str, object]
    strict: bool
    problems: list[FieldProblem] = field(default_factory=list)
    request: Request | None = None
    owner: str = KEYLESS
    held: AbstractContextManager[object] = field(default_factory=nullcontext)


def image_problem(detail: str) -> FieldProblem:
    return FieldProblem(field=IMAGE, detail=detail)


def given_twice(name: str) -> FieldProblem:
    return FieldProblem(field=shown_name((name,)), detail="It was given more than once; give it once.")
