"""From an image to what an attack made of it, in a folder of `robustify attack`."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robustify.errors import InvalidInputError
from workers.evaluation.attacks.images import digest_of, read_kept
from workers.evaluation.attacks.report import REPORT, AttackReport
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.runs import read_attack_rows


@dataclass(frozen=True)
class AttackedImage:
    """An adversarial image (3, H, W), its row, and what was attacked."""

    image: np.ndarray
    row: AttackRow
    defence: str


def attacked_image(folder: Path, sha256: str, clean: np.ndarray) -> AttackedImage:
    """The row of this file, or of this canonical tensor. Raises InvalidInputError where the folder has none."""
    digest = digest_of(clean)
    for row in read_attack_rows(folder):
        if row.problem is None and (row.sha256 == sha256 or row.clean_sha256 == digest):
            return AttackedImage(read_kept(folder, row), row, defence_of(folder))
    raise InvalidInputError(
        "the folder of the attack has no row of this image: name a file of the data set that was attacked, with the "
        "same profile",
        field="attack",
    )


def defence_of(folder: Path) -> str:
    """By the folder's report; empty where there is none."""
    try:
        report = AttackReport.model_validate(json.loads((folder / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ""
    return report.settings.defence
