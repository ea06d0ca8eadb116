"""All tables of a report, in the order of its page."""

from collections.abc import Iterator

from workers.evaluation.reports.accuracy_tables import accuracy_tables
from workers.evaluation.reports.certified_tables import certified_tables
from workers.evaluation.reports.difference_tables import difference_tables
from workers.evaluation.reports.side_tables import check_table, cost_table, gap_table
from workers.evaluation.reports.summary import ReportSummary
from workers.evaluation.reports.table import Table


def tables_of(summary: ReportSummary) -> Iterator[Table]:
    """Accuracies first; what is missing and what contradicts itself before all that is finer."""
    comparison = summary.comparison
    yield from accuracy_tables(summary.robust, comparison)
    yield from certified_tables(summary.certified, comparison)
    for table in (check_table(summary.checks, comparison), gap_table(summary.gaps, comparison)):
        if table is not None:
            yield table
    yield from difference_tables(summary.differences, comparison)
    yield cost_table(summary.certified, summary.robust, comparison)
