"""Tables beside the figures: what an image took, whether the order holds, and what is missing."""

from collections.abc import Iterator, Sequence

from workers.evaluation.comparison.document import Comparison, Gap
from workers.evaluation.reports.checks import OrderCheck, Verdict
from workers.evaluation.reports.figures import CertifiedFigures
from workers.evaluation.reports.robust_figures import RobustFigures
from workers.evaluation.reports.table import METHOD, Cell, Column, Mark, Table, text


def cost_table(certified: Sequence[CertifiedFigures], robust: Sequence[RobustFigures], comparison: Comparison) -> Table:
    """What an image took, on the machine that the rows are from."""
    modes = [mode.value for mode in comparison.config.attack.modes] if comparison.config.pairs else []
    attacks = {(found.set, found.method, found.sigma): found for found in robust}
    rows = [
        (
            text(found.set),
            text(f"{found.sigma:g}"),
            text(comparison.method(found.method).title),
            text(f"{found.samples:.0f}"),
            text(f"{found.seconds:.2f}"),
            *attack_cells(attacks.get((found.set, found.method, found.sigma)), modes),
        )
        for found in certified
    ]
    columns = [
        Column("set", is_text=True),
        Column("σ", is_text=True),
        METHOD,
        Column("samples", "an answer"),
        Column("seconds", "an answer"),
        *(Column(unit, f"{mode} attack") for mode in modes for unit in ("passes", "seconds")),
    ]
    notes = ("Of one image. Passes are forward passes of denoiser and classifier; a pass back counts two.",)
    return Table("cost", "Cost", tuple(columns), tuple(rows), notes)


def attack_cells(found: RobustFigures | None, modes: Sequence[str]) -> Iterator[Cell]:
    for mode in modes:
        has = found is not None and mode in found.forwards
        yield text(f"{found.forwards[mode]:.0f}") if found is not None and has else text("")
        yield text(f"{found.seconds[mode]:.1f}") if found is not None and has else text("")


def check_table(checks: Sequence[OrderCheck], comparison: Comparison) -> Table | None:
    """None where nothing was attacked."""
    if not checks:
        return None
    columns = (
        METHOD,
        Column("set", is_text=True),
        Column("σ", is_text=True),
        Column("ε", is_text=True),
        Column("seed", is_text=True),
        Column("certified"),
        Column("strong"),
        Column("paper"),
        Column("abstained inside"),
        Column("", is_text=True),
    )
    notes = (
        "An image within its certified radius that is answered as another class contradicts its certificate: an alarm. "
        "Both answers are wrong with probability alpha, so one alarm in a thousand images may be chance. An abstention "
        "inside contradicts nothing.",
    )
    rows = tuple(check_row(check, comparison) for check in checks)
    return Table("checks", "Certified at most strong at most paper (%)", columns, rows, notes)


def check_row(check: OrderCheck, comparison: Comparison) -> tuple[Cell, ...]:
    mark = Mark.ALARM if check.verdict in (Verdict.ALARM, Verdict.WEAK) else Mark.PLAIN
    shares = ("" if value is None else f"{100 * value:.1f}" for value in (check.certified, check.strong, check.paper))
    words = f"{check.verdict}: {len(check.alarms)}" if check.alarms else str(check.verdict)
    return (
        text(comparison.method(check.method).title),
        text(check.set),
        text(f"{check.sigma:g}"),
        text(f"{check.eps:g}"),
        text("" if check.seed is None else str(check.seed)),
        *map(text, shares),
        text(str(check.abstained_inside)),
        Cell(words, mark=mark),
    )


def gap_table(gaps: Sequence[Gap], comparison: Comparison) -> Table | None:
    """None where nothing is missing."""
    if not gaps:
        return None
    columns = (METHOD, Column("where", is_text=True), Column("why", is_text=True), Column("made by", is_text=True))
    rows = tuple(
        (text(comparison.method(gap.method).title), text(where(gap)), text(gap.why), text(gap.command or ""))
        for gap in gaps
    )
    return Table("gaps", "What is missing", columns, rows)


def where(gap: Gap) -> str:
    """Everywhere, or the cell that it is."""
    parts = [
        gap.set or "",
        "" if gap.sigma is None else f"σ {gap.sigma:g}",
        "" if gap.seed is None else f"seed {gap.seed}",
        "" if gap.eps is None else f"ε {gap.eps:g}",
        gap.mode or "",
    ]
    return ", ".join(part for part in parts if part) or "everywhere"
