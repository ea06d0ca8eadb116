"""The tables of the study of adaptation, from rows that were counted by hand."""

import pytest

from benchmarks.studies.adaptation import difference, figures, table
from workers.evaluation.runs import Row


def row(index: int, answer: int, radius: float | None) -> Row:
    return Row(index=index, label=1, answer=answer, radius=radius, seconds=0.0, run="study")


RADII = (0.0, 0.25, 0.5)
BEFORE = [row(0, 1, 0.1), row(1, 1, None), row(2, 0, 0.6), row(3, 1, 0.3)]
AFTER = [row(0, 1, 0.3), row(1, 1, 0.1), row(2, 0, 0.6), row(3, 1, 0.3)]


def test_figures_count_right_and_certified_images_alone() -> None:
    """A wrong answer has no radius, and an abstention certifies nothing though its most voted class may be right."""
    found = figures(BEFORE, RADII)

    assert found == pytest.approx(
        {"certified at 0": 0.5, "certified at 0.25": 0.25, "certified at 0.5": 0, "ACR": 0.1, "top class right": 0.75}
    )


def test_difference_is_paired_and_keeps_every_seed() -> None:
    """Gains are of the same images: their mean, its standard error, and the mean of each seed."""
    gain = difference([AFTER, BEFORE], [BEFORE, BEFORE], RADII)["certified at 0.25"]

    assert gain["mean"] == pytest.approx(0.125)
    assert gain["error"] == pytest.approx(0.125)
    assert gain["seeds"] == pytest.approx([0.25, 0])


def test_table_has_a_row_for_each_variant() -> None:
    """Means over the seeds; nothing stands where there is nothing to compare."""
    records = [
        {"sigma": 0.5, "variant": "none", "figures": [figures(BEFORE, RADII)], "difference": None},
        {
            "sigma": 0.5,
            "variant": "both",
            "figures": [figures(AFTER, RADII), figures(BEFORE, RADII)],
            "difference": difference([AFTER, BEFORE], [BEFORE, BEFORE], RADII),
        },
    ]
    title, _, none, both = table(records, ("sigma", "variant")).splitlines()

    assert title.startswith("| sigma | variant | certified at 0 |")
    assert none.startswith("| 0.5 | none | 50.0 | 25.0 |")
    assert both.startswith("| 0.5 | both | 62.5 | 37.5 |")
    assert "12.5 ± 12.5 (0.0 to 25.0)" in both
