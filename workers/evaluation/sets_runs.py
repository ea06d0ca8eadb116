"""The figures of `robustify evaluate` with several label sets: those of each, from rows that have all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from robustify.smoothing.cascade import shared_alpha
from workers.evaluation.runs import Evaluation, Kept, RowSource, Summary, all_rows, summary


class SetsSummary(BaseModel):
    """`alpha` is what any radius is wrong with at most, in whichever set; those of each have a share of it. All sets
    vote on the same samples: those of one are those of all."""

    alpha: float
    alpha_each: float
    sets: Mapping[str, Summary]


def evaluate_sets(
    evaluation: Evaluation,
    images: int,
    rows_file: Path,
    new_rows: RowSource,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> SetsSummary:
    """Appends a row for each of the first images that `rows_file` does not have yet, then sums up each set."""
    return sets_summary(evaluation, all_rows(evaluation, images, rows_file, new_rows, on_progress))


def sets_summary(evaluation: Evaluation, rows: Sequence[Kept]) -> SetsSummary:
    alpha, names = evaluation.parameters.alpha, [one.name for one in evaluation.label_sets]
    share = shared_alpha(alpha, len(names))
    each = replace(evaluation, parameters=replace(evaluation.parameters, alpha=share))
    return SetsSummary(
        alpha=alpha,
        alpha_each=share,
        sets={name: summary(each, [of_set(row, place) for row in rows]) for place, name in enumerate(names)},
    )


def of_set(row: Kept, place: int) -> Kept:
    """The row as if it were of one set; one that could not be read is that of every set."""
    return row if row.unreadable is not None else replace(row, outcome=row.in_sets[place])
