"""What a part of an evaluation is: every N-th image from the i-th on, with rows in a file of its own."""

import re
from dataclasses import dataclass
from pathlib import Path

from robustify.errors import InvalidInputError

PART = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")
NAME = re.compile(r"part-([1-9][0-9]{0,5})-of-([1-9][0-9]{0,5})(\.jsonl)?")
MOST_PARTS = 500
"""All of their files are open at once when they are merged."""


@dataclass(frozen=True, order=True)
class Part:
    """`number` from 1 to `of`."""

    number: int
    of: int

    def indices(self, images: int) -> range:
        """Its images of so many, in their fixed order; none where there are fewer images than parts."""
        return range(self.number - 1, images, self.of)

    def file_in(self, folder: Path) -> Path:
        """Where its rows are."""
        return folder / f"part-{self.number}-of-{self.of}.jsonl"

    def folder_in(self, folder: Path) -> Path:
        """Where it has more than rows."""
        return folder / f"part-{self.number}-of-{self.of}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


WHOLE = Part(1, 1)


def part_of(text: str) -> Part:
    """From I/N. Raises InvalidInputError."""
    found = PART.fullmatch(text)
    part = Part(int(found[1]), int(found[2])) if found else None
    if part is None or part.number > part.of or part.of > MOST_PARTS:
        raise InvalidInputError(
            f"a part is I/N, with I from 1 to N and N at most {MOST_PARTS}, such as 3/8; this is {text!r}", field="part"
        )
    return part


def all_parts(number: int) -> list[Part]:
    """So many, which make the whole."""
    return [Part(index, number) for index in range(1, number + 1)]


def part_named(path: Path) -> Part | None:
    """The part that a file or a folder of this name is of."""
    found = NAME.fullmatch(path.name)
    return Part(int(found[1]), int(found[2])) if found else None
