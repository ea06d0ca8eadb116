"""What `robustify compare` and `report` print for people; `--json` prints the same documents as they are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    # These load torch, and every command imports this file.
    from workers.evaluation.comparison.costs import CellCost, ComparisonCost
    from workers.evaluation.reports.summary import ReportSummary
    from workers.evaluation.reports.table import Cell
    from workers.evaluation.reports.table import Table as ReportTable

STYLES = {"best": "bold", "alarm": "bold red", "gap": "dim", "plain": ""}


def print_comparison(console: Console, summary: "ReportSummary") -> None:
    """All tables but the long ones, which are in the page."""
    from workers.evaluation.reports.page import verdict_of
    from workers.evaluation.reports.tables import tables_of

    for table in tables_of(summary):
        if not table.name.startswith(("differences", "cost")):
            console.print(rich_table(table))
    style = "bold red" if summary.has_alarms else "bold"
    console.print(Text(verdict_of(summary.checks, len(summary.gaps)), style), soft_wrap=True)


def rich_table(table: "ReportTable") -> Table:
    found = Table(title=Text(table.title), box=None, pad_edge=False, title_justify="left")
    for column in table.columns:
        found.add_column(Text(f"{column.group} {column.title}".strip()))
    for row in table.rows:
        found.add_row(*map(cell_text, row))
    return found


def cell_text(cell: "Cell") -> Text:
    return Text(cell.text, STYLES[cell.mark])


def print_cost(console: Console, cost: "ComparisonCost") -> None:
    """Every cell, then all of them together."""
    table = Table("cell", "images", "missing", "forward passes", "seconds", box=None, pad_edge=False)
    for cell in (*cost.adaptations, *cost.cells):
        table.add_row(Text(cell.words), str(cell.images), str(cell.missing), f"{cell.forwards:,}", seconds_of(cell))
    console.print(table)
    for line in words_of_cost(cost):
        console.print(Text(line), soft_wrap=True)


def seconds_of(cell: "CellCost") -> str:
    return "?" if cell.seconds is None else f"{cell.seconds:,.0f}"


def words_of_cost(cost: "ComparisonCost") -> Iterator[str]:
    """All together: what is missing, and how long it takes as far as rows tell."""
    images, unknown = sum(cell.missing for cell in cost.cells), cost.without_rate
    yield f"{len(cost.cells)} runs, {images:,} answers or attacks missing: at most {cost.forwards:,} forward passes"
    if cost.adaptations:
        yield f"{len(cost.adaptations)} adaptations are made first"
    if cost.seconds:
        yield f"at most {cost.seconds:,.0f} seconds of one process, by the rows that are there"
    if unknown and images:
        yield f"of {unknown} runs no rows are there yet that would tell their speed"
    for gap in cost.gaps:
        yield f"missing: {gap.words}"
