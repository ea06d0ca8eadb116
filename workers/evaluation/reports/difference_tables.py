"""Paired differences as tables, one for each set: pure functions from figures to cells."""

from collections.abc import Iterator, Sequence

from workers.evaluation.comparison.document import Comparison
from workers.evaluation.reports.differences import PairedDifference
from workers.evaluation.reports.table import METHOD, Cell, Column, Table, text


def difference_tables(differences: Sequence[PairedDifference], comparison: Comparison) -> Iterator[Table]:
    """One for each set."""
    for place, name in enumerate(comparison.set_names):
        found = [difference for difference in differences if difference.set == name]
        if found:
            yield difference_table(found, comparison, name, place)


def difference_table(differences: Sequence[PairedDifference], comparison: Comparison, name: str, place: int) -> Table:
    base = comparison.method(comparison.config.base_method).title
    columns = (
        Column("σ", is_text=True),
        Column("ε", is_text=True),
        Column("measure", is_text=True),
        METHOD,
        Column("difference"),
        Column("95 % interval"),
        Column("p"),
        Column("images"),
    )
    notes = (
        "On the same images. Shares in points of a per cent, the certified radius as it is; intervals by bootstrap "
        "over the images, p by McNemar's exact two-sided test. With several adaptations each image is their mean, and "
        "has no p. Many rows are looked at: one in twenty misses its interval by chance.",
    )
    rows = tuple(difference_row(found, comparison) for found in differences)
    return Table(f"differences-{place + 1}", f"Differences to {base} on {name}", columns, rows, notes)


def difference_row(found: PairedDifference, comparison: Comparison) -> tuple[Cell, ...]:
    difference, is_radius = found.difference, found.measure == "certified radius"
    scale, digits = (1.0, 3) if is_radius else (100.0, 1)
    mean, low, high = (f"{scale * value:+.{digits}f}" for value in (difference.mean, difference.low, difference.high))
    return (
        text(f"{found.sigma:g}"),
        text("" if found.eps is None else f"{found.eps:g}"),
        text(found.measure),
        text(comparison.method(found.method).title),
        text(mean),
        text(f"{low} to {high}"),
        text("" if difference.p_value is None else f"{difference.p_value:.2g}"),
        text(str(difference.images)),
    )
