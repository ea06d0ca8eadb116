"""All rows of a comparison together: JSON lines, and CSV whose first columns are those of Cohen et al. (2019)."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel

from adapters.durable_files import TEMPORARY_PREFIX, write_whole
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.comparison.document import ComparedAttack, ComparedCell
from workers.evaluation.reports.escaping import one_line
from workers.evaluation.reports.results import Results, rows_of
from workers.evaluation.runs import Row

COHEN = ("idx", "label", "predict", "radius", "correct", "time")
ABSTAINED = -1
"""As Cohen's files have it."""
CERTIFIED_COLUMNS = (
    *COHEN, "method", "set", "sigma", "seed", "most_voted", "outcome", "samples", "p_lower", "file", "sha256", "run",
    "problem",
)  # fmt: skip
ATTACKED_COLUMNS = (
    *COHEN, "method", "set", "sigma", "seed", "eps", "mode", "attacked", "predict_before", "robust", "distance",
    "zero_gradients", "forwards", "file", "sha256", "image_sha256", "run", "problem",
)  # fmt: skip
Value = str | int | float | None


class PlacedRow(BaseModel):
    """A row, and which cell of the comparison it is of."""

    method: str
    set: str
    sigma: float
    seed: int | None
    eps: float | None = None
    mode: str | None = None
    row: Row | AttackRow


def write_rows(folder: Path, results: Results) -> None:
    """`rows.jsonl`, `rows.csv`, and the same of attacks."""
    write_lines(folder / "rows.jsonl", (placed(cell, row) for cell, row in certified_rows(folder, results)))
    certified = (certified_values(run.cell, row) for run in results.certified for row in run.rows)
    write_csv(folder / "rows.csv", CERTIFIED_COLUMNS, certified)
    attacked = [(run.attack, row) for run in results.attacked for row in run.rows]
    if attacked:
        write_lines(folder / "attacks.jsonl", (placed_attack(attack, row) for attack, row in attacked))
        write_csv(folder / "attacks.csv", ATTACKED_COLUMNS, (attacked_values(attack, row) for attack, row in attacked))


def certified_rows(folder: Path, results: Results) -> Iterator[tuple[ComparedCell, Row]]:
    """With their votes, read again cell by cell, in the order of the images."""
    for run in results.certified:
        found = {row.index: row for row in rows_of(folder, run.cell)}
        yield from ((run.cell, found[row.index]) for row in run.rows)


def placed(cell: ComparedCell, row: Row) -> PlacedRow:
    return PlacedRow(method=cell.method, set=cell.set, sigma=cell.sigma, seed=cell.seed, row=row)


def placed_attack(attack: ComparedAttack, row: AttackRow) -> PlacedRow:
    return PlacedRow(
        method=attack.method,
        set=attack.set,
        sigma=attack.sigma,
        seed=attack.seed,
        eps=attack.eps,
        mode=attack.mode.value,
        row=row,
    )


def write_lines(path: Path, rows: Iterable[PlacedRow]) -> None:
    """Flat: the fields of the row beside those of its cell; one at a time, since all of them may not fit in memory."""
    partial = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
    with partial.open("w", encoding="utf-8") as file:
        for row in rows:
            place = row.model_dump(mode="json", exclude={"row"}, exclude_none=True)
            file.write(json.dumps({**place, **said(row.row)}) + "\n")
    os.replace(partial, path)


def said(row: Row | AttackRow) -> dict[str, object]:
    """What a row says, as its own file has it."""
    found: dict[str, object] = row.model_dump(mode="json", exclude_unset=True)
    return found


def write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[Value, ...]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_whole(path, buffer.getvalue().encode())


def certified_values(cell: ComparedCell, row: Row) -> tuple[Value, ...]:
    """An abstention is -1 and wrong, whatever class has most votes."""
    is_silent = row.answer is None or (row.outcome is not None and row.radius is None)
    predicted = ABSTAINED if is_silent else row.answer
    return (
        row.index, row.label, predicted, row.radius or 0.0, int(predicted == row.label), row.seconds, cell.method,
        cell.set, cell.sigma, cell.seed, row.answer, row.outcome, row.samples, row.p_lower, plain(row.file), row.sha256,
        row.run, plain(row.problem),
    )  # fmt: skip


def attacked_values(attack: ComparedAttack, row: AttackRow) -> tuple[Value, ...]:
    """The answer is that at the adversarial image, `correct` whether it is right; nothing is certified there."""
    predicted = ABSTAINED if row.answer_after is None else row.answer_after
    before = ABSTAINED if row.answer_before is None else row.answer_before
    correct = int(row.answer_after == row.label)
    return (
        row.index, row.label, predicted, 0.0, correct, row.seconds, attack.method, attack.set, attack.sigma,
        attack.seed, attack.eps, attack.mode.value, int(row.attacked), before, int(row.is_robust), row.distance,
        row.zero_gradients, row.forwards, plain(row.file), row.sha256, row.image_sha256, row.run, plain(row.problem),
    )  # fmt: skip


def plain(words: str | None) -> str | None:
    """On one line: some readers of CSV take a line for a row."""
    return None if words is None else one_line(words)
