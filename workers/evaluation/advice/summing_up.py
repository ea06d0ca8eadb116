"""From the rows of a handful of pictures to the figures that an advice rests on, and those that it tells."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustify.smoothing.statistics import largest_radius, lower_confidence_bound, upper_confidence_bound
from robustify.types import SmoothingParameters
from workers.evaluation.advice.document import PlainAnswers, ProtectedAnswers, Share
from workers.evaluation.advice.figures import PlainFigures, ProtectedFigures, RightVotes
from workers.evaluation.advice.runs import AdviceRows, SigmaRows, is_readable
from workers.evaluation.runs import Row

SURE = 0.95
RADII = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Of the curve, as far as n samples can reach."""
SHORTEST_SECONDS = 1e-4
"""What is quicker is told as this: rows count milliseconds."""


@dataclass(frozen=True)
class Truth:
    """What is right for each picture, by its index: its label, or what is answered without protection."""

    right: Mapping[int, int | None]
    labelled: bool
    classes: int


def truth_of(rows: AdviceRows, classes: int, labelled: bool) -> Truth:
    """Of the pictures that could be read."""
    plain = [row for row in rows.plain if is_readable(row)]
    return Truth({row.index: row.label if labelled else row.answer for row in plain}, labelled, classes)


def plain_figures(rows: Sequence[Row], truth: Truth) -> PlainFigures:
    answers = [row.answer for row in rows if is_readable(row)]
    return PlainFigures(
        pictures=len(answers),
        right=sum(is_right(row, truth) for row in rows),
        classes=truth.classes,
        distinct_labels=len(set(truth.right.values())),
        distinct_answers=len(set(answers)),
        labelled=truth.labelled,
    )


def protected_figures(rows: SigmaRows, truth: Truth, n: int) -> ProtectedFigures:
    """Of certificates with n estimation samples."""
    return ProtectedFigures(
        sigma=rows.sigma,
        pictures=len(truth.right),
        right=sum(is_right(row, truth) for row in rows.predicted),
        abstained=sum(is_readable(row) and row.answer is None for row in rows.predicted),
        votes=[votes_of(row, n) for row in rows.certified if is_right(row, truth)],
        samples_per_second=speed_of(rows),
    )


def is_right(row: Row, truth: Truth) -> bool:
    """Whether it is answered, or chosen, rightly."""
    return row.index in truth.right and row.answer is not None and row.answer == truth.right[row.index]


def votes_of(row: Row, n: int) -> RightVotes:
    """For the class that CERTIFY chose; a sample without a vote is one against it."""
    assert row.votes is not None
    assert row.answer is not None
    return RightVotes(row.votes[row.answer], n, row.radius)


def speed_of(rows: SigmaRows) -> float:
    """Samples a second, the median over certificates: the first picture has work of its own to wait for."""
    speeds = [(row.samples or 0) / max(row.seconds, SHORTEST_SECONDS) for row in rows.certified if is_readable(row)]
    return statistics.median(speeds) if speeds else 1.0


def plain_answers(rows: Sequence[Row], figures: PlainFigures) -> PlainAnswers:
    seconds = [row.seconds for row in rows if is_readable(row)]
    return PlainAnswers(
        right=share(figures.right, figures.pictures) if figures.labelled else None,
        distinct_labels=figures.distinct_labels,
        distinct_answers=figures.distinct_answers,
        seconds=statistics.median(seconds) if seconds else 0.0,
    )


def protected_answers(
    rows: SigmaRows, figures: ProtectedFigures, plain: Sequence[Row], truth: Truth, asked: SmoothingParameters
) -> ProtectedAnswers:
    """`asked`: n0, n and alpha of the certificates."""
    before = {row.index for row in plain if is_right(row, truth)}
    after = {row.index for row in rows.predicted if is_right(row, truth)}
    predicted = [row for row in rows.predicted if is_readable(row)]
    most = largest_radius(asked.n, asked.alpha, figures.sigma) or 0.0
    return ProtectedAnswers(
        sigma=figures.sigma,
        right=share(figures.right, figures.pictures),
        abstained=figures.abstained,
        lost=len(before - after),
        gained=len(after - before),
        predict_samples=mean([row.samples or 0 for row in predicted]),
        predict_seconds=mean([row.seconds for row in predicted]),
        certify_seconds=(asked.n0 + asked.n) / figures.samples_per_second,
        samples_per_second=figures.samples_per_second,
        average_radius=figures.average_radius,
        largest_radius=most,
        radii=tuple(figures.radii),
        certified={f"{radius:g}": figures.certified_at(radius) for radius in RADII if radius <= most},
    )


def share(count: int, of: int) -> Share:
    """With the exact interval of Clopper and Pearson."""
    tail = (1 - SURE) / 2
    if not of:
        return Share(count=0, of=0, low=0.0, high=1.0)
    low, high = lower_confidence_bound(count, of, tail), upper_confidence_bound(count, of, tail)
    return Share(count=count, of=of, low=low, high=high)


def mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0
