"""The rows of one part, resumed where they stopped, by one process at a time."""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from workers.evaluation.parts.part import Part
from workers.evaluation.runs import Evaluation, Kept, RowSource, rows_of_images


class PartSummary(BaseModel):
    """What one part has; its figures are those of all parts together, once they are merged."""

    part: str
    images: int
    unreadable: int
    file: str
    run: str
    """Digest of the settings."""


def write_part(
    evaluation: Evaluation,
    part: Part,
    images: int,
    folder: Path,
    new_rows: RowSource,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> PartSummary:
    """Appends the rows that the part's file in the folder does not have yet; `images` are those of all parts."""
    path = part.file_in(folder)
    with only_one(path, lambda: say(f"another process writes part {part}: waiting for it")):
        rows = rows_of_images(evaluation, part.indices(images), path, new_rows, on_progress)
    return summary_of_part(evaluation, part, rows, path)


def summary_of_part(evaluation: Evaluation, part: Part, rows: Sequence[Kept], path: Path) -> PartSummary:
    unreadable = sum(row.unreadable is not None for row in rows)
    return PartSummary(
        part=str(part), images=len(rows) - unreadable, unreadable=unreadable, file=str(path), run=evaluation.digest
    )


@contextmanager
def only_one(path: Path, when_waiting: Callable[[], None]) -> Iterator[None]:
    """While the block runs, no other process is in such a block for the file, on whatever host that sees its lock: a
    scheduler may start a part again while the one that it gave up still writes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
