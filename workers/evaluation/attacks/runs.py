"""`robustify attack`: one row and one image for each image of a data set, resumed where it stopped, and summed up."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel

from robustify.errors import InvalidInputError
from workers.evaluation.attacks.attacker import Attacker
from workers.evaluation.attacks.images import keep, kept_at
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.runs import drop_cut_line

ROWS = "rows.jsonl"


class AttackSummary(BaseModel):
    """A run in numbers; shares are of the images that could be used.

    `clean_accuracy` asks the base classifier where PREDICT abstains, as the paper does; `answered_accuracy` does not.
    `robust_accuracy` counts an abstention as wrong. `zero_gradients`: the share over all gradients of all images.
    """

    images: int
    unusable: int
    attacked: int
    clean_accuracy: float
    answered_accuracy: float
    robust_accuracy: float
    fallen: int
    """Attacked images that another class was answered for."""
    silenced: int
    """Attacked images that nothing was answered for."""
    mean_distance: float
    largest_distance: float
    zero_gradients: float
    forwards: int
    seconds: float


def run_attack(
    attacker_for: Callable[[], Attacker],
    digest: str,
    dataset: Dataset,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    indices: Sequence[int] | None = None,
) -> list[AttackRow]:
    """Appends a row for each image, or each of those given, that `folder` has none of yet; models are loaded only where
    one is missing.
    """
    rows = {row.index: row for row in read_attack_rows(folder, digest)}
    wanted = range(len(dataset)) if indices is None else indices
    missing = [index for index in wanted if index not in rows]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ROWS).open("a", encoding="utf-8") as file:
        attacker = attacker_for() if missing else None
        for index in missing:
            assert attacker is not None
            row, image = attacker.row(dataset.sample(index))
            if image is not None:
                keep(folder, index, image)
            file.write(row.line)
            file.flush()
            rows[index] = row
            on_progress(len(rows), len(wanted))
    return [rows[index] for index in wanted]


def read_attack_rows(folder: Path, digest: str | None = None) -> Iterator[AttackRow]:
    """The rows of a folder; a last line that was cut off is dropped from the file.

    With a digest, raises InvalidInputError for rows of another run; in any case for what is no row, and for a row whose
    image is not there.
    """
    path = folder / ROWS
    if not path.exists():
        return
    drop_cut_line(path)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = read_attack_row(line, number)
        if digest is not None and row.run != digest:
            raise InvalidInputError("the folder holds a run with other settings: name another --output", "output")
        if row.problem is None and not kept_at(folder, row.index).exists():
            raise InvalidInputError(f"the image of line {number} is missing: name another --output", field="output")
        yield row


def read_attack_row(line: str, number: int) -> AttackRow:
    try:
        return AttackRow.model_validate(json.loads(line))
    except ValueError as error:
        raise InvalidInputError(f"line {number} of {ROWS} is no row of an attack: name another folder") from error


def attack_summary(rows: Sequence[AttackRow]) -> AttackSummary:
    """The run in numbers."""
    usable = [row for row in rows if row.problem is None]
    attacked = [row for row in usable if row.attacked]
    forwards = sum(row.forwards for row in attacked)
    return AttackSummary(
        images=len(rows),
        unusable=len(rows) - len(usable),
        attacked=len(attacked),
        clean_accuracy=share([row.is_clean for row in usable]),
        answered_accuracy=share([row.answer_before == row.label for row in usable]),
        robust_accuracy=share([row.is_robust for row in usable]),
        fallen=sum(row.answer_after not in (None, row.label) for row in attacked),
        silenced=sum(row.answer_after is None for row in attacked),
        mean_distance=sum(row.distance for row in attacked) / max(1, len(attacked)),
        largest_distance=max((row.distance for row in attacked), default=0.0),
        zero_gradients=sum(row.zero_gradients * row.forwards for row in attacked) / max(1, forwards),
        forwards=forwards,
        seconds=round(sum(row.seconds for row in usable), 1),
    )


def share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
