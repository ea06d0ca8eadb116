"""Table 10 from recorded votes: what each n says of the same ones."""

from pathlib import Path

import numpy as np

from benchmarks.studies.recording import KeptVotes, Votes
from benchmarks.studies.samples import AttackedImages, Recorded
from workers.evaluation.attacks.images import digest_of, keep
from workers.evaluation.attacks.oracle_images import OracleImages
from workers.evaluation.attacks.rows import AttackRow

ALPHA = 0.001


def votes(*each: int) -> Votes:
    """Of one image, in their order."""
    return Votes(KeptVotes(2, each=np.empty(0, dtype=int)), KeptVotes(2, each=np.array(each)))


SURE, OTHER, SPLIT = votes(*[0] * 100), votes(*[1] * 100), votes(*[0, 1] * 50)
LATE = votes(*[0, 1] * 5, *[0] * 90)
"""Ten samples that say nothing, then one class alone."""
FOUND = Recorded(
    labels=[0, 0, 0, 0],
    bases=[0, 0, 0, 1],
    clean=[SURE, LATE, SPLIT, SPLIT],
    attacked=[SURE, SURE, SURE, SURE],
    samples_per_second=50,
)


def test_row_of_few_samples() -> None:
    """Ten votes can decide nothing at alpha .001: the base classifier's answers stand for clean ones, and none is
    robust.
    """
    row = FOUND.row(10, ALPHA, 25)

    assert (row.clean_accuracy, row.clean_abstained) == (0.75, 1.0)
    assert (row.robust_accuracy, row.attacked_abstained) == (0.0, 1.0)
    assert (row.seconds, row.early_samples) == (0.2, 10)


def test_row_of_many_samples() -> None:
    """What PREDICT answers stands, and only what it answers rightly before and after is robust."""
    row = FOUND.row(100, ALPHA, 25)

    assert (row.clean_accuracy, row.clean_abstained) == (0.75, 0.5)
    assert (row.robust_accuracy, row.attacked_abstained) == (0.5, 0.0)
    assert row.early_samples < 100


def test_images_of_an_attack(tmp_path: Path) -> None:
    """Each stands in the place of its clean one, under a digest of its own."""
    images = OracleImages(count=2, side=8)
    lines = []
    for index in range(2):
        clean, attacked = images.image(index), images.image(index) + np.float32(0.01)
        keep(tmp_path, index, attacked)
        row = AttackRow(
            index=index, file="", sha256="", label=index, clean_sha256=digest_of(clean),
            image_sha256=digest_of(attacked), run="",
        )  # fmt: skip
        lines.append(row.line)
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    found = AttackedImages(images, tmp_path)
    tensor = found.sample(1).tensor

    assert tensor is not None
    assert np.array_equal(tensor, images.image(1) + np.float32(0.01))
    assert found.digest != images.digest
    assert (len(found), found.labels) == (2, images.labels)
