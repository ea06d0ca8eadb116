"""The images of an earlier attack, tried on another classifier."""

from pathlib import Path

import numpy as np

from adapters.canonical_json import text_digest
from robustify.errors import InvalidInputError
from workers.evaluation.attacks.images import digest_of, read_kept
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.runs import read_attack_rows
from workers.evaluation.data.dataset import Sample


class KeptAttack:
    """A folder that `robustify attack` has written. Raises InvalidInputError where it has no rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[int, AttackRow] = {row.index: row for row in read_attack_rows(folder)}
        if not self.rows:
            raise InvalidInputError("the folder has no rows: name one that `robustify attack` has written", "transfer")

    @property
    def digest(self) -> str:
        """Names all of its images."""
        digests = [f"{index} {row.image_sha256}" for index, row in sorted(self.rows.items())]
        return text_digest("\n".join(digests))[:16]

    def __call__(self, sample: Sample) -> np.ndarray:
        """The adversarial image of a sample. Raises InvalidInputError where it is of another clean image."""
        row = self.rows.get(sample.index)
        assert sample.tensor is not None
        if row is None or row.clean_sha256 != digest_of(sample.tensor):
            raise InvalidInputError(
                f"image {sample.index} ({sample.file}) was not attacked there as it is here: take the same data, the "
                "same --limit and the same size of images",
                field="transfer",
            )
        return read_kept(self.folder, row)
