"""Tables in LaTeX, with booktabs: `\\usepackage{booktabs}`, and `\\usepackage{textcomp}` before 2020."""

from collections.abc import Iterator, Sequence

from workers.evaluation.reports.escaping import latex, one_line
from workers.evaluation.reports.table import Cell, Mark, Table, spans

END = r" \\"


def document(header: str, tables: Sequence[Table]) -> str:
    """A file to \\input; `header` says in comments where it came from."""
    comment = f"% {one_line(header)}"
    return "\n\n".join([comment, *("\n".join(lines(table)) for table in tables)]) + "\n"


def lines(table: Table) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"\centering"
    yield rf"\caption{{{latex(table.title)}}}"
    yield rf"\begin{{tabular}}{{{''.join('l' if column.is_text else 'r' for column in table.columns)}}}"
    yield r"\toprule"
    yield from group_lines(table)
    yield " & ".join(latex(column.title) for column in table.columns) + END
    yield r"\midrule"
    for row in table.rows:
        yield " & ".join(map(cell_text, row)) + END
    yield r"\bottomrule"
    yield r"\end{tabular}"
    for note in table.notes:
        yield rf"\par\small {latex(note)}"
    yield r"\end{table}"


def group_lines(table: Table) -> Iterator[str]:
    """The headings above the columns, with a rule under each; nothing where no column has one."""
    found = spans(table.columns)
    if not any(span.title for span in found):
        return
    yield " & ".join(rf"\multicolumn{{{span.columns}}}{{c}}{{{latex(span.title)}}}" for span in found) + END
    first, rules = 1, []
    for span in found:
        if span.title:
            rules.append(rf"\cmidrule(lr){{{first}-{first + span.columns - 1}}}")
        first += span.columns
    yield " ".join(rules)


def cell_text(cell: Cell) -> str:
    found = latex(cell.text)
    return rf"\textbf{{{found}}}" if cell.mark in (Mark.BEST, Mark.ALARM) else found
