"""How a figure is shown in a cell."""

from workers.evaluation.reports.figures import Figure
from workers.evaluation.reports.table import Cell, text


def percent(figure: Figure | None) -> Cell:
    """To a tenth of a per cent, with the deviation over the adaptations."""
    if figure is None:
        return text("")
    spread = "" if figure.spread is None else f" ± {100 * figure.spread:.1f}"
    return Cell(f"{100 * figure.mean:.1f}{spread}", figure.mean)


def number(figure: Figure | None) -> Cell:
    if figure is None:
        return text("")
    spread = "" if figure.spread is None else f" ± {figure.spread:.3f}"
    return Cell(f"{figure.mean:.3f}{spread}", figure.mean)
