"""From rows to figures."""

from typing import Any

import pytest

from robustify.smoothing.statistics import largest_radius
from robustify.types import SmoothingParameters
from workers.evaluation.advice.runs import AdviceRows, SigmaRows
from workers.evaluation.advice.summing_up import (
    plain_answers,
    plain_figures,
    protected_answers,
    protected_figures,
    share,
    truth_of,
)
from workers.evaluation.runs import UNREADABLE, Row

ASKED = SmoothingParameters(0.25, n0=25, n=200, alpha=0.001)


def row(index: int, label: int, answer: int | None, radius: float | None = None, **fields: Any) -> Row:
    return Row(index=index, label=label, answer=answer, radius=radius, seconds=0.5, run="digest", **fields)


def certified(index: int, label: int, answer: int, radius: float | None, votes: tuple[int, ...]) -> Row:
    return row(index, label, answer, radius, votes=votes, selection_votes=(25, 0), samples=225)


ROWS = AdviceRows(
    plain=(row(0, 0, 0), row(1, 1, 1), row(2, 1, 0), row(3, 0, None, outcome=UNREADABLE, problem="The file is empty.")),
    protected=(
        SigmaRows(
            0.25,
            predicted=(
                row(0, 0, 0, samples=25), row(1, 1, None, samples=100), row(2, 1, 1, samples=50),
                row(3, 0, None, outcome=UNREADABLE),
            ),
            certified=(
                certified(0, 0, 0, 0.3, (190, 10)), certified(1, 1, 0, 0.1, (150, 50)),
                certified(2, 1, 1, None, (90, 105)), row(3, 0, None, outcome=UNREADABLE),
            ),
        ),
    ),
)  # fmt: skip


def test_figures_when_a_picture_could_not_be_read() -> None:
    """It is in none of them; a certificate of the wrong class is not among the radii, and a missing vote is one
    against the class.
    """
    truth = truth_of(ROWS, classes=2, labelled=True)
    plain, protected = plain_figures(ROWS.plain, truth), protected_figures(ROWS.protected[0], truth, ASKED.n)

    assert (plain.pictures, plain.right, plain.distinct_labels, plain.distinct_answers) == (3, 2, 2, 2)
    assert (protected.pictures, protected.right, protected.abstained) == (3, 2, 1)
    assert [(one.votes, one.samples, one.radius) for one in protected.votes] == [(190, 200, 0.3), (105, 200, None)]
    assert protected.radii == [0.3]
    assert protected.average_radius == pytest.approx(0.1)
    assert protected.samples_per_second == 450


def test_figures_when_there_are_no_labels() -> None:
    """What is answered without protection is right, whatever the rows say of labels."""
    truth = truth_of(ROWS, classes=2, labelled=False)
    plain, protected = plain_figures(ROWS.plain, truth), protected_figures(ROWS.protected[0], truth, ASKED.n)

    assert (plain.right, plain.labelled) == (3, False)
    assert (protected.right, [one.votes for one in protected.votes]) == (1, [190])
    assert plain_answers(ROWS.plain, plain).right is None


def test_answers_beside_those_without_protection() -> None:
    """Pictures that are lost and gained, the means of PREDICT, and the curve up to what n can certify."""
    truth = truth_of(ROWS, classes=2, labelled=True)
    figures = protected_figures(ROWS.protected[0], truth, ASKED.n)
    found = protected_answers(ROWS.protected[0], figures, ROWS.plain, truth, ASKED)

    assert (found.lost, found.gained, found.abstained) == (1, 1, 1)
    assert found.predict_samples == pytest.approx(175 / 3)
    assert found.predict_seconds == 0.5
    assert found.certify_seconds == pytest.approx(0.5)
    assert found.certified == {"0": 1, "0.1": 1, "0.2": 1, "0.3": 1, "0.4": 0}
    assert found.largest_radius == largest_radius(200, 0.001, 0.25)


def test_share_of_a_handful() -> None:
    """The exact interval of 20 of 24 is that of the textbooks; of no picture anything is possible."""
    found = share(20, 24)

    assert [found.low, found.high] == pytest.approx([0.626, 0.953], abs=1e-3)
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)
