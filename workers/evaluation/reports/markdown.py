"""Tables in Markdown, as GitHub has them."""

from collections.abc import Iterator, Sequence

from workers.evaluation.reports.escaping import markdown
from workers.evaluation.reports.table import Cell, Column, Mark, Table


def document(header: str, title: str, description: str, tables: Sequence[Table]) -> str:
    """All tables of a report; `header` says where they came from."""
    parts = [f"# {markdown(title)}", markdown(description), header, *map(section, tables)]
    return "\n\n".join(part for part in parts if part) + "\n"


def section(table: Table) -> str:
    notes = "\n\n".join(markdown(note) for note in table.notes)
    return "\n\n".join(part for part in (f"## {markdown(table.title)}", "\n".join(lines(table)), notes) if part)


def lines(table: Table) -> Iterator[str]:
    yield line([heading(column) for column in table.columns])
    yield "|" + "|".join("---" if column.is_text else "---:" for column in table.columns) + "|"
    for row in table.rows:
        yield line([cell_text(cell) for cell in row])


def heading(column: Column) -> str:
    return markdown(f"{column.group}: {column.title}" if column.group else column.title)


def cell_text(cell: Cell) -> str:
    found = markdown(cell.text)
    return f"**{found}**" if cell.mark in (Mark.BEST, Mark.ALARM) and found else found


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
