"""A batch as a client sent it: the fields, and images that are read one at a time; not yet what they mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from adapters.contract.fields import FieldProblem
from service.errors import INVALID_INPUT, ProblemError, ProblemKind

IMAGES, KIND = "images", "kind"
MAX_NAME_LENGTH = 255
BAD_KIND = "It must be predict or certify."


@dataclass(frozen=True)
class BatchImage:
    """One image; `read` gives its file, and may take a moment. It raises a problem for what is no image at all."""

    name: str | None
    read: Callable[[], bytes]


@dataclass(frozen=True)
class ReceivedBatch:
    """`values` are the fields but for the images; `strict`: numbers came as numbers, not as text."""

    images: Sequence[BatchImage]
    values: Mapping[str, object]
    strict: bool
    problems: list[FieldProblem] = field(default_factory=list)


def images_problem(detail: str) -> FieldProblem:
    return FieldProblem(field=IMAGES, detail=detail)


def count_problems(count: int, most: int) -> list[FieldProblem]:
    """What is wrong with so many images."""
    if 1 <= count <= most:
        return []
    return [images_problem(f"{count} were sent; send 1 to {most} images.")]


def refused(detail: str, kind: ProblemKind = INVALID_INPUT) -> ProblemError:
    """Of one image, which becomes its line."""
    return ProblemError(kind, detail)


def digest_of(data: bytes) -> str:
    return sha256(data).hexdigest()


def shown(name: str | None) -> str | None:
    """A client's name for an image, which can be printed on a line."""
    if not name:
        return None
    return "".join(character if character.isprintable() else "?" for character in name)[:MAX_NAME_LENGTH]
