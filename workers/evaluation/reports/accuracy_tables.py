"""Robust, certified and clean accuracies as tables: pure functions from figures to cells."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from workers.evaluation.comparison.document import Comparison
from workers.evaluation.reports.figures import Figure
from workers.evaluation.reports.robust_figures import RobustFigures
from workers.evaluation.reports.shown import percent
from workers.evaluation.reports.table import GAP, METHOD, Cell, Column, Mark, Table, text, with_best


@dataclass(frozen=True)
class Metric:
    """A column of the accuracies: its title, and its figure."""

    title: str
    of: Callable[[RobustFigures], Figure | None]


def accuracy_tables(figures: Sequence[RobustFigures], comparison: Comparison) -> Iterator[Table]:
    """Of one set all accuracies in one table, as the paper's Table 3; of several, a table for each, as Table 1."""
    sets = comparison.set_names
    if not comparison.config.pairs:
        return
    if len(sets) == 1:
        yield one_set_table(figures, comparison, sets[0])
    else:
        yield from (many_sets_table(metric, figures, comparison, sets) for metric in metrics(comparison))


def metrics(comparison: Comparison) -> list[Metric]:
    """Robust by mode, certified, and clean."""
    modes = [mode.value for mode in comparison.config.attack.modes]
    return [
        *(Metric(f"robust, {mode}", robust_under(mode)) for mode in modes),
        Metric("certified", lambda found: found.certified_accuracy),
        Metric("clean", lambda found: found.clean_accuracy),
        Metric("certified at 0", lambda found: found.certified_clean_accuracy),
    ]


def robust_under(mode: str) -> Callable[[RobustFigures], Figure | None]:
    return lambda found: found.robust_accuracy.get(mode)


def one_set_table(figures: Sequence[RobustFigures], comparison: Comparison, name: str) -> Table:
    """A row for each method, and for each pair the columns of all accuracies."""
    found = {(figure.method, figure.sigma, figure.eps): figure for figure in figures if figure.set == name}
    wanted, pairs = metrics(comparison), comparison.config.pairs
    columns = [
        Column(metric.title, f"ε {pair.eps:g} (σ {pair.sigma:g})", has_best=True) for pair in pairs for metric in wanted
    ]
    rows = [
        (
            text(method.title),
            *(
                share(metric, found.get((method.name, pair.sigma, pair.eps)), comparison, method.name)
                for pair in pairs
                for metric in wanted
            ),
        )
        for method in comparison.methods
    ]
    notes = (images_note(figures), accuracy_note())
    title = f"Robust, certified and clean accuracy (%) on {name}"
    return with_best(Table("accuracy", title, (METHOD, *columns), tuple(rows), notes))


def many_sets_table(
    metric: Metric, figures: Sequence[RobustFigures], comparison: Comparison, sets: Sequence[str]
) -> Table:
    """A row for each method and pair, a column for each set, and their average."""
    found = {(figure.method, figure.set, figure.sigma, figure.eps): figure for figure in figures}
    rows = []
    for pair in comparison.config.pairs:
        for method in comparison.methods:
            of_sets = [found.get((method.name, name, pair.sigma, pair.eps)) for name in sets]
            cells = [share(metric, figure, comparison, method.name) for figure in of_sets]
            rows.append((text(f"{pair.eps:g} ({pair.sigma:g})"), text(method.title), *cells, average(cells)))
    columns = (Column("ε (σ)", is_text=True), METHOD, *(Column(name) for name in sets), Column("average"))
    notes = (images_note(figures), accuracy_note())
    name = f"accuracy-{metric.title.replace(', ', '-').replace(' ', '-')}"
    return Table(name, f"Accuracy (%): {metric.title}", columns, tuple(rows), notes)


def share(metric: Metric, figures: RobustFigures | None, comparison: Comparison, method: str) -> Cell:
    """A gap where there are no rows; nothing where there is nothing of the kind."""
    if figures is None:
        return GAP
    found = metric.of(figures)
    if found is not None:
        return percent(found)
    certifies = comparison.method(method).smoothing != "no-smoothing"
    return GAP if certifies or not metric.title.startswith("certified") else text("")


def average(cells: Sequence[Cell]) -> Cell:
    """A gap where one is missing; nothing where there is nothing of the kind."""
    if any(cell.mark is Mark.GAP for cell in cells):
        return GAP
    values = [cell.value for cell in cells if cell.value is not None]
    return percent(Figure(mean=sum(values) / len(values))) if len(values) == len(cells) else text("")


def images_note(figures: Sequence[RobustFigures]) -> str:
    counts = sorted({found.images for found in figures})
    return f"Attacked images: {' or '.join(map(str, counts))} of each set." if counts else "No attack is finished yet."


def accuracy_note() -> str:
    return (
        "Robust: answered rightly before and after the attack; an abstention is wrong. Certified: of the same images, "
        "those certified as their class for this distance or more. Clean: by PREDICT, or by the classifier alone where "
        "that abstains. A dash is a gap: see below what is missing."
    )
