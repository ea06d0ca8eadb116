"""From the files of all parts to the one file that one process would have written, or a refusal that says why not."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from adapters.durable_files import TEMPORARY_PREFIX
from robustify.errors import InvalidInputError
from workers.evaluation.parts.part import MOST_PARTS, Part, all_parts, part_named
from workers.evaluation.runs import Row, read_rows

FIELD = "merge"


@dataclass(frozen=True)
class Place:
    """Which image a row is about, and the digest of its run."""

    index: int
    run: str


PlaceOf = Callable[[bytes], Place]
"""Reads a line; raises ValueError for what is no row."""


@dataclass(frozen=True)
class PartFile:
    """A part and the file of its rows."""

    part: Part
    path: Path


def place_of_row(line: bytes) -> Place:
    """Of a certificate, a prediction or a plain answer."""
    row = Row.model_validate_json(line)
    return Place(row.index, row.run)


def merge_parts(folders: Sequence[Path], digest: str, images: int, output: Path) -> None:
    """Writes the rows of all parts to `output`, in the order of the images, as the bytes that they are.

    Raises InvalidInputError where a part is missing, is there twice, is not finished, or is of other settings or other
    data than `digest` stands for; nothing is written then. An `output` of the same run is replaced.
    """
    files = whole_set(part_files(folders))
    next(read_rows(output, digest), None)
    merge_files(files, digest, images, output)


def merge_files(
    files: Sequence[PartFile], digest: str, images: int, output: Path, place_of: PlaceOf = place_of_row
) -> None:
    """The same of the files of the parts 1 to N; `place_of` reads their lines."""
    check_finished(files, images)
    output.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("wb", dir=output.parent, prefix=TEMPORARY_PREFIX, delete=False) as merged:
        try:
            merged.writelines(lines_in_order(files, digest, images, place_of))
            merged.flush()
            os.replace(merged.name, output)
        except BaseException:
            os.unlink(merged.name)
            raise
    output.chmod(0o644)


def part_files(folders: Sequence[Path]) -> list[PartFile]:
    """Those in any of the folders. Raises InvalidInputError for a folder that has none."""
    found = []
    for folder in folders:
        parts = [(part_named(path), path) for path in sorted(folder.glob("part-*.jsonl"))]
        own = [PartFile(part, path) for part, path in parts if part is not None]
        if not own:
            raise InvalidInputError(f"{folder} has no part-I-of-N.jsonl: name folders that --part has written", FIELD)
        found += own
    return found


def whole_set(files: Sequence[PartFile]) -> list[PartFile]:
    """The files of the parts 1 to N, in this order. Raises InvalidInputError for anything else."""
    numbers = sorted({file.part.of for file in files})
    if len(numbers) > 1:
        raise InvalidInputError(f"the parts are of {listed(numbers)} parts: merge those of one number at a time", FIELD)
    if numbers[0] > MOST_PARTS:
        raise InvalidInputError(f"there are {numbers[0]} parts, and {MOST_PARTS} can be merged at the most", FIELD)
    times = Counter(file.part for file in files)
    if double := [part.number for part, count in times.items() if count > 1]:
        raise InvalidInputError(f"part {listed(sorted(double))} is there more than once: leave the others out", FIELD)
    if missing := [part.number for part in all_parts(numbers[0]) if part not in times]:
        raise InvalidInputError(f"part {listed(missing)} of {numbers[0]} is missing: name its folder too", FIELD)
    return sorted(files, key=lambda file: file.part)


def check_finished(files: Sequence[PartFile], images: int) -> None:
    """Raises InvalidInputError with all parts that have fewer rows than images, or more."""
    counts = [(file, whole_lines(file.path), len(file.part.indices(images))) for file in files]
    if unfinished := [file.part.number for file, rows, wanted in counts if rows < wanted]:
        raise InvalidInputError(
            f"part {listed(unfinished)} of {len(files)} is not finished: run it again, and it goes on where it was",
            FIELD,
        )
    if others := [file.part.number for file, rows, wanted in counts if rows > wanted]:
        raise InvalidInputError(
            f"part {listed(others)} of {len(files)} has more rows than images: it is of another data set, or another "
            "--limit",
            FIELD,
        )


def whole_lines(path: Path) -> int:
    """A line that was cut off is none: its process is at work, or was killed."""
    with path.open("rb") as file:
        return sum(line.endswith(b"\n") for line in file)


def lines_in_order(files: Sequence[PartFile], digest: str, images: int, place_of: PlaceOf) -> Iterator[bytes]:
    """The line of each image, checked: it is of this run, and about this image."""
    with ExitStack() as opened:
        readers = [opened.enter_context(file.path.open("rb")) for file in files]
        for index in range(images):
            number, which = divmod(index, len(files))
            line = readers[which].readline()
            check_line(line, files[which], number + 1, Place(index, digest), place_of)
            yield line


def check_line(line: bytes, file: PartFile, number: int, wanted: Place, place_of: PlaceOf) -> None:
    try:
        found = place_of(line)
    except ValueError as error:
        raise InvalidInputError(f"line {number} of {file.path} is no row: run part {file.part} again", FIELD) from error
    if found.run != wanted.run:
        raise InvalidInputError(
            f"part {file.part} in {file.path.parent} was run with other settings, or on other data, than this command "
            "says: give the options that it was run with",
            FIELD,
        )
    if found.index != wanted.index:
        raise InvalidInputError(
            f"line {number} of {file.path} is about image {found.index}, and part {file.part} has image {wanted.index} "
            "there: run this part again, in a folder of its own",
            FIELD,
        )


def listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
