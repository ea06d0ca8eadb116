"""Certified accuracy by radius as tables, one for each set: pure functions from figures to cells."""

from collections.abc import Iterator, Sequence

from workers.evaluation.comparison.document import Comparison
from workers.evaluation.reports.figures import CertifiedFigures, radii_of
from workers.evaluation.reports.shown import number, percent
from workers.evaluation.reports.table import GAP, METHOD, Cell, Column, Table, text


def certified_tables(figures: Sequence[CertifiedFigures], comparison: Comparison) -> Iterator[Table]:
    """One for each set, as the paper's Table 5."""
    for place, name in enumerate(comparison.set_names):
        yield certified_table([found for found in figures if found.set == name], comparison, name, place)


def certified_table(figures: Sequence[CertifiedFigures], comparison: Comparison, name: str, place: int) -> Table:
    radii = [f"{radius:g}" for radius in radii_of(comparison)]
    found = {(figure.sigma, figure.method): figure for figure in figures}
    rows = [
        certified_row(sigma, method.title, found.get((sigma, method.name)), radii)
        for sigma in comparison.config.sigmas
        for method in comparison.methods
    ]
    columns = (
        Column("σ", is_text=True),
        METHOD,
        Column("ACR"),
        *(Column(radius, "certified accuracy (%) at") for radius in radii),
        Column("abstained (%)"),
        Column("most voted (%)"),
        Column("images"),
    )
    notes = ("ACR is the average certified radius, 0 for an image that is wrong or abstained.", *unreadable(figures))
    return Table(f"certified-{place + 1}", f"Certified accuracy on {name}", columns, tuple(rows), notes)


def unreadable(figures: Sequence[CertifiedFigures]) -> Iterator[str]:
    most = max((found.unreadable for found in figures), default=0)
    if most:
        yield f"{most} images could not be read, and are in no figure: their rows say why."


def certified_row(sigma: float, title: str, found: CertifiedFigures | None, radii: Sequence[str]) -> tuple[Cell, ...]:
    first = (text(f"{sigma:g}"), text(title))
    if found is None:
        return (*first, *[GAP] * (len(radii) + 4))
    by_radius = [percent(found.certified_accuracy.get(radius)) for radius in radii]
    counted = Cell(str(found.images))
    return (*first, number(found.acr), *by_radius, percent(found.abstained), percent(found.clean_accuracy), counted)
