"""The report of a comparison's folder, from its rows alone: rows, summary, tables, plots, cards and one page."""

from collections.abc import Sequence
from pathlib import Path

from adapters.durable_files import write_whole
from workers.evaluation.comparison.document import read_comparison
from workers.evaluation.reports import latex, markdown
from workers.evaluation.reports.escaping import markdown as escaped
from workers.evaluation.reports.model_card import model_index, robustbench
from workers.evaluation.reports.page import page
from workers.evaluation.reports.plots import Plot, can_plot, plots_of
from workers.evaluation.reports.results import read_results
from workers.evaluation.reports.rows_files import write_rows
from workers.evaluation.reports.summary import ReportSummary, summary_of
from workers.evaluation.reports.svg import on_white
from workers.evaluation.reports.table import Table
from workers.evaluation.reports.tables import tables_of

SUMMARY, INDEX, MARKDOWN, LATEX = "summary.json", "index.html", "tables.md", "tables.tex"
PLOTS, CARDS, ROBUSTBENCH = "plots", "model-index", "robustbench.json"


def write_report(folder: Path) -> ReportSummary:
    """All files of it; the page last. Raises InvalidInputError for a folder that no comparison has written."""
    results = read_results(folder, read_comparison(folder))
    summary = summary_of(results)
    tables = list(tables_of(summary))
    plots = list(plots_of(results, summary.certified, summary.robust)) if can_plot() else []
    write_rows(folder, results)
    write_text(folder / SUMMARY, summary.model_dump_json(indent=1) + "\n")
    write_text(folder / MARKDOWN, markdown_of(summary, tables))
    write_text(folder / LATEX, latex.document(header_of(summary), tables))
    write_text(folder / ROBUSTBENCH, robustbench(summary))
    write_plots(folder, plots)
    write_cards(folder, summary)
    write_text(folder / INDEX, page(folder, summary, tables, plots))
    return summary


def markdown_of(summary: ReportSummary, tables: Sequence[Table]) -> str:
    """A page of Markdown, to be kept beside the file of the comparison."""
    config = summary.comparison.config
    return markdown.document(f"*{escaped(header_of(summary))}*", config.title, config.description, tables)


def header_of(summary: ReportSummary) -> str:
    """Which file and which rows a table is made of."""
    return (
        f"Made by robustify compare {summary.config_file} (sha256 {summary.config_sha256[:16]}); digest of all rows "
        f"{summary.digest[:16]}. Do not edit: run it again."
    )


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def write_plots(folder: Path, plots: Sequence[Plot]) -> None:
    for plot in plots:
        write_text(folder / PLOTS / f"{plot.name}.svg", on_white(plot.svg))


def write_cards(folder: Path, summary: ReportSummary) -> None:
    """One for each method that has figures."""
    for method in summary.comparison.methods:
        if card := model_index(summary, method):
            write_text(folder / CARDS / f"{method.name}.yaml", card)
