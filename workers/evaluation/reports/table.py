"""A table as typed cells: what it says, whatever it is written as."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Mark(StrEnum):
    """What a cell is marked as, beside its text."""

    PLAIN = "plain"
    BEST = "best"
    GAP = "gap"
    ALARM = "alarm"


@dataclass(frozen=True)
class Cell:
    """`value` is what cells of a column are compared by; None where that says nothing."""

    text: str
    value: float | None = None
    mark: Mark = Mark.PLAIN


@dataclass(frozen=True)
class Column:
    """Columns beside one another with one `group` stand under it. `has_best`: whether its largest value is marked."""

    title: str
    group: str = ""
    has_best: bool = False
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """`name` is of its files and addresses; `notes` are sentences below it."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Span:
    """Columns under one heading."""

    title: str
    columns: int


GAP = Cell("-", mark=Mark.GAP)
METHOD = Column("method", is_text=True)
"""Of the names of methods."""


def text(words: str) -> Cell:
    return Cell(words)


def with_best(table: Table) -> Table:
    """The largest value of each column that has one is marked, each of several that are the same."""
    best = [largest(table, place) if column.has_best else None for place, column in enumerate(table.columns)]
    return replace(table, rows=tuple(marked(row, best) for row in table.rows))


def largest(table: Table, place: int) -> str | None:
    """The text of the largest value of a column of two or more: what looks the same is the same."""
    values = [row[place] for row in table.rows if row[place].value is not None]
    return max(values, key=lambda cell: cell.value or 0.0).text if len(values) > 1 else None


def marked(row: Sequence[Cell], best: Sequence[str | None]) -> tuple[Cell, ...]:
    return tuple(
        replace(cell, mark=Mark.BEST) if cell.value is not None and cell.text == wanted else cell
        for cell, wanted in zip(row, best, strict=True)
    )


def spans(columns: Sequence[Column]) -> list[Span]:
    """The headings above the columns."""
    found: list[Span] = []
    for column in columns:
        if found and found[-1].title == column.group:
            found[-1] = replace(found[-1], columns=found[-1].columns + 1)
        else:
            found.append(Span(column.group, 1))
    return found
