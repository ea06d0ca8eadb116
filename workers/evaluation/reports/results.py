"""The rows of a comparison as its folder has them, whole or not: what every figure is made of."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from adapters.canonical_json import canonical_bytes
from robustify.errors import RobustifyError
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.runs import read_attack_rows
from workers.evaluation.comparison.document import ComparedAttack, ComparedCell, Comparison, Gap
from workers.evaluation.runs import UNREADABLE, Row, read_rows

TIMES = {"seconds"}
"""What another run of the same settings has different."""
BULKY = {"votes": None, "selection_votes": None, "votes_for_each_sample": None}
"""What no figure needs of a row, and 50,000 rows of 1,000 classes would fill the memory with."""
OTHER_MODELS = "the server changed its models between these rows: compare again, with another --output"

Place = tuple[str, str | None, float | None, int | None, float | None, str | None]
"""Of a cell or a gap in the tables: method, set, sigma, seed, eps, mode."""


@dataclass(frozen=True)
class CertifiedRun:
    """A cell with its rows in the order of the images. `digest` is of the rows without their times; `problem` says why
    they cannot be read.
    """

    cell: ComparedCell
    rows: tuple[Row, ...]
    digest: str
    problem: str | None = None


@dataclass(frozen=True)
class AttackedRun:
    """An attack with its rows; `images_digest` is of the adversarial images."""

    attack: ComparedAttack
    rows: tuple[AttackRow, ...]
    digest: str
    images_digest: str
    problem: str | None = None


@dataclass(frozen=True)
class Results:
    """All that a report is made of. `gaps` are those of the comparison, and the cells that are not finished."""

    comparison: Comparison
    certified: tuple[CertifiedRun, ...]
    attacked: tuple[AttackedRun, ...]
    gaps: tuple[Gap, ...]


def read_results(folder: Path, comparison: Comparison) -> Results:
    """The finished cells."""
    certified = [certified_run(folder, cell) for cell in comparison.cells]
    attacked = [attacked_run(folder, attack) for attack in comparison.attacks]
    told = {place_of_gap(gap) for gap in comparison.gaps}
    unfinished = [*map(gap_of_cell, certified), *map(gap_of_attack, attacked)]
    return Results(
        comparison=comparison,
        certified=tuple(run for run in certified if len(run.rows) == run.cell.images),
        attacked=tuple(run for run in attacked if len(run.rows) == run.attack.images),
        gaps=(*comparison.gaps, *(gap for gap in unfinished if gap is not None and place_of_gap(gap) not in told)),
    )


def certified_run(folder: Path, cell: ComparedCell) -> CertifiedRun:
    try:
        found = {row.index: (digest_of(row), row.model_copy(update=BULKY)) for row in rows_of(folder, cell)}
    except RobustifyError as error:
        return CertifiedRun(cell, (), "", str(error))
    ordered = [found[index] for index in sorted(found) if index < cell.images]
    if len({row.fingerprint for _, row in ordered if row.outcome != UNREADABLE}) > 1:
        return CertifiedRun(cell, (), "", OTHER_MODELS)
    return CertifiedRun(cell, tuple(row for _, row in ordered), digest_of_all([digest for digest, _ in ordered]))


def rows_of(folder: Path, cell: ComparedCell) -> Iterator[Row]:
    """With all that they say."""
    return read_rows(cell.rows(folder), cell.run)


def attacked_run(folder: Path, attack: ComparedAttack) -> AttackedRun:
    try:
        found = {row.index: row for row in read_attack_rows(attack.folder(folder), attack.run)}
    except RobustifyError as error:
        return AttackedRun(attack, (), "", "", str(error))
    rows = [found[index] for index in sorted(found) if index < attack.images]
    images = digest_of_all([f"{row.index} {row.image_sha256}" for row in rows])
    return AttackedRun(attack, tuple(rows), digest_of_all([digest_of(row) for row in rows]), images)


def digest_of(row: BaseModel) -> str:
    """sha256 of a row without its times."""
    said = row.model_dump(mode="json", exclude=TIMES, exclude_none=True)
    return hashlib.sha256(canonical_bytes(said)).hexdigest()


def digest_of_all(digests: list[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def place_of_gap(gap: Gap) -> Place:
    return gap.method, gap.set, gap.sigma, gap.seed, gap.eps, gap.mode


def gap_of_cell(run: CertifiedRun) -> Gap | None:
    """None where it is finished."""
    cell = run.cell
    if len(run.rows) == cell.images:
        return None
    why = run.problem or unfinished(len(run.rows), cell.images)
    return Gap(method=cell.method, set=cell.set, sigma=cell.sigma, seed=cell.seed, why=why)


def gap_of_attack(run: AttackedRun) -> Gap | None:
    """None where it is finished."""
    attack = run.attack
    if len(run.rows) == attack.images:
        return None
    why = run.problem or unfinished(len(run.rows), attack.images)
    return Gap(
        method=attack.method,
        set=attack.set,
        sigma=attack.sigma,
        seed=attack.seed,
        eps=attack.eps,
        mode=attack.mode,
        why=why,
    )


def unfinished(rows: int, images: int) -> str:
    return f"{rows} of {images} images are done: run the comparison again, it goes on from there"
