"""Texts of users in Markdown and LaTeX: whatever a label or a file is called, it says that and nothing else."""

import re

import pytest
from markdown_it import MarkdownIt

from tests.comparisons import HOSTILE
from workers.evaluation.reports import latex, markdown
from workers.evaluation.reports.table import Column, Table, text

TEXTS = [
    HOSTILE,
    "a\nb",
    "a | b",
    "\\",
    "x\\\\|",
    "~~x~~",
    "&lt;",
    "&amp;",
    "# x",
    "![i](http://x/y)",
    "\u202eabc",
]


def table(words: str) -> Table:
    return Table(
        "name", words, (Column(words, words, is_text=True), Column("x")), ((text(words), text("1")),), (words,)
    )


@pytest.mark.parametrize("words", TEXTS)
def test_text_in_markdown(words: str) -> None:
    """A reader of Markdown shows what was written, in one cell, as text."""
    found = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown.section(table(words)))
    cells = [token for token in found if token.type == "inline"]
    shown = ["".join(child.content for child in cell.children or []) for cell in cells]
    kinds = {child.type for cell in cells for child in cell.children or []}

    assert kinds <= {"text", "text_special"}
    assert " ".join(words.replace("\u202e", " ").split()) in shown
    assert len([token for token in found if token.type == "td_open"]) == 2


@pytest.mark.parametrize("words", TEXTS)
def test_text_in_latex(words: str) -> None:
    """Every sign that LaTeX would read is escaped, and no line is left open."""
    lines = list(latex.lines(table(words)))
    row = next(line for line in lines if line.endswith(r" & 1 \\"))
    cell = row.removesuffix(r" & 1 \\")
    rest = re.sub(r"\\text[a-z]+\{\}|\\[{}$&#%_]", "", cell)

    assert not set(rest) & set('\\{}$&#%_^~<>|"`')
    assert "\n" not in cell
