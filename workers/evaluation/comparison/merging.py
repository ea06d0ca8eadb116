"""From the folders of all parts of a comparison to one folder, which then is run as any other: nothing is missing."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from robustify.errors import InvalidInputError
from workers.evaluation.attacks.images import IMAGES
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.runs import ROWS as ATTACK_ROWS
from workers.evaluation.comparison.document import ComparedAttack, ComparedCell, Comparison, read_comparison
from workers.evaluation.parts.merging import FIELD, PartFile, Place, merge_files, whole_set
from workers.evaluation.parts.part import Part, part_named

C = TypeVar("C", ComparedCell, ComparedAttack)


@dataclass(frozen=True)
class PartFolder:
    """A part of a comparison, and its folder."""

    part: Part
    path: Path
    comparison: Comparison


def merge_comparisons(folders: Sequence[Path], config_sha256: str, output: Path) -> None:
    """Puts the rows and images of all parts into `output`. Raises InvalidInputError where parts are missing, not
    finished, there twice, or of another comparison than that of this file.
    """
    found = list(part_folders(folders))
    whole_set([PartFile(folder.part, folder.path) for folder in found])
    check_alike(found, config_sha256)
    first = found[0].comparison
    for cell in distinct(first.cells):
        merge_files(files_of(found, cell), cell.run, cell.images, cell.rows(output))
    for attack in distinct(first.attacks):
        merge_attack(found, attack, output)


def part_folders(folders: Sequence[Path]) -> Iterator[PartFolder]:
    """Those in any of the folders. Raises InvalidInputError for a folder that has none."""
    for folder in folders:
        own = [(part, path) for path in sorted(folder.glob("part-*")) if (part := part_named(path)) and path.is_dir()]
        if not own:
            raise InvalidInputError(f"{folder} has no folders part-I-of-N: name those that --part has written", FIELD)
        for part, path in own:
            yield PartFolder(part, path, read_comparison(path))


def check_alike(found: Sequence[PartFolder], config_sha256: str) -> None:
    """All are of this file, and have the same cells and attacks under the same settings."""
    for folder in found:
        if folder.comparison.config_sha256 != config_sha256:
            raise InvalidInputError(f"part {folder.part} is of another file of a comparison than this one", FIELD)
        if runs_of(folder.comparison) != runs_of(found[0].comparison):
            raise InvalidInputError(
                f"part {folder.part} was run with other settings, models or data than part {found[0].part}, or has "
                "other gaps: run it again where those are the same",
                FIELD,
            )


def runs_of(comparison: Comparison) -> list[tuple[str, int]]:
    cells = [(cell.run, cell.images) for cell in comparison.cells]
    return cells + [(attack.run, attack.images) for attack in comparison.attacks]


def files_of(found: Sequence[PartFolder], cell: ComparedCell) -> list[PartFile]:
    """In the order of the parts. Raises InvalidInputError where a part has not begun the cell."""
    files = [PartFile(folder.part, cell.rows(folder.path)) for folder in found]
    return sorted(map(begun, files), key=lambda file: file.part)


def begun(file: PartFile) -> PartFile:
    if not file.path.exists():
        raise InvalidInputError(
            f"part {file.part.number} of {file.part.of} is not finished: run it again, and it goes on where it was",
            FIELD,
        )
    return file


def merge_attack(found: Sequence[PartFolder], attack: ComparedAttack, output: Path) -> None:
    """The images first: a row without its image is no row."""
    files = [PartFile(folder.part, attack.folder(folder.path) / ATTACK_ROWS) for folder in found]
    ordered = sorted(map(begun, files), key=lambda file: file.part)
    for file in ordered:
        images = file.path.parent / IMAGES
        if images.is_dir():
            shutil.copytree(images, attack.folder(output) / IMAGES, dirs_exist_ok=True)
    merge_files(ordered, attack.run, attack.images, attack.folder(output) / ATTACK_ROWS, place_of_attack_row)


def place_of_attack_row(line: bytes) -> Place:
    row = AttackRow.model_validate_json(line)
    return Place(row.index, row.run)


def distinct(cells: Sequence[C]) -> list[C]:
    """Cells with the same rows share their file."""
    return list({cell.run: cell for cell in cells}.values())
