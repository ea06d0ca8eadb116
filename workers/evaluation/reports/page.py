"""`index.html`: the whole report as one page that opens without a network and without a script, and prints well."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from workers.evaluation.attacks.images import kept_at
from workers.evaluation.comparison.document import ATTACKS, Comparison
from workers.evaluation.data.dataset import DataReport
from workers.evaluation.reports.checks import OrderCheck, Verdict, all_alarms
from workers.evaluation.reports.plots import HOW_TO_GET, Plot
from workers.evaluation.reports.summary import ReportSummary
from workers.evaluation.reports.svg import DARK, LIGHT, inline, variables
from workers.evaluation.reports.table import Table, spans

TEMPLATE = "page.html.jinja"
MOST_PICTURES = 50
"""Of alarms: the page stays readable, and all of them are in `summary.json`."""


@dataclass(frozen=True)
class AlarmPicture:
    """`picture` is an address that holds the image itself; None where its file is gone."""

    words: str
    picture: str | None


@dataclass(frozen=True)
class DataLines:
    """What of a set was taken, for people."""

    title: str
    lines: tuple[str, ...]


def page(folder: Path, summary: ReportSummary, tables: Sequence[Table], plots: Sequence[Plot]) -> str:
    """The page; pictures of alarms come from the folder."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    alarms = list(alarm_pictures(folder, summary))
    return environment.get_template(TEMPLATE).render(
        summary=summary,
        comparison=summary.comparison,
        verdict=verdict_of(summary.checks, len(summary.gaps)),
        alarms=alarms[:MOST_PICTURES],
        tables=tables,
        spans=spans,
        # What matplotlib has written is markup; every text in it was escaped there.
        plots=[replace(plot, svg=Markup(inline(plot.svg))) for plot in plots],
        without_plots=HOW_TO_GET,
        settings=list(settings_of(summary.comparison)),
        data_lines=[data_lines(found.set, found.report) for found in summary.sets],
        digests=list(digests_of(summary)),
        light=Markup(variables(LIGHT)),
        dark=Markup(variables(DARK)),
    )


def verdict_of(checks: Sequence[OrderCheck], gaps: int) -> str:
    """What must be known before any table is read."""
    missing = f" Missing parts: {gaps}, see below." if gaps else ""
    alarms, weak = sum(len(check.alarms) for check in checks), sum(check.verdict is Verdict.WEAK for check in checks)
    if alarms:
        return f"ALARM: {alarms} adversarial images lie within a certified radius and are answered otherwise.{missing}"
    if weak:
        return f"In {weak} rows the strong attack is weaker than the published one: trust neither there.{missing}"
    if not checks:
        return f"Nothing was attacked.{missing}"
    return f"Certified is at most strong, and strong at most paper, but for abstentions and chance.{missing}"


def alarm_pictures(folder: Path, summary: ReportSummary) -> Iterator[AlarmPicture]:
    for check, alarm, run in all_alarms(summary.checks):
        words = (
            f"{summary.comparison.method(check.method).title}, {check.set}: image {alarm.index} ({alarm.file}) is "
            f"certified as class {alarm.certified} within {alarm.radius:.4f}, and answered as class {alarm.answered} "
            f"at {alarm.distance:.4f}"
        )
        yield AlarmPicture(words, data_address(kept_at(folder / ATTACKS / run, alarm.index).with_suffix(".png")))


def data_address(path: Path) -> str | None:
    """A picture as an address that needs no file."""
    try:
        return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError:
        return None


def settings_of(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Those that decide the rows, and where they were made."""
    config, machine = comparison.config, comparison.environment
    yield (
        "certificates",
        f"n0 {config.n0}, n {config.n}, alpha {config.alpha:g}, bound {config.bound or 'clopper-pearson'}",
    )
    yield "noise", ", ".join(f"σ {sigma:g}" for sigma in config.sigmas)
    if config.pairs:
        yield "attacks", "; ".join(attack_words(comparison))
    for method in comparison.methods:
        yield method.title, f"profile {method.profile}, {method.smoothing}; stands for: {method.paper}"
    for found in comparison.sets:
        yield found.set, f"{found.images} images; {len(found.labels)} labels; {'; '.join(found.templates)}"
    yield "machine", f"{machine.system}, {machine.machine}, {machine.processors} processors, device {machine.device}"
    yield "software", ", ".join(f"{name} {version or 'none'}" for name, version in machine.software.items())


def attack_words(comparison: Comparison) -> Iterator[str]:
    """Each plan once."""
    plans = dict.fromkeys((found.plan, found.sigma) for found in comparison.attacks)
    for plan, sigma in plans:
        yield (
            f"ε {plan.eps:g} (σ {sigma:g}): {plan.method} {plan.mode}, {plan.steps} steps, m {plan.m}, "
            f"{plan.restarts} starts"
        )


def data_lines(title: str, report: DataReport) -> DataLines:
    taken = f"{report.images} of {report.total} images, read as {report.layout or 'a data set'}"
    left_out = (f"left out, {found.reason}: {found.count} ({', '.join(found.names)})" for found in report.left_out)
    classes = (f"class {found.folder}: {found.label}" for found in report.classes)
    return DataLines(title, (taken, *left_out, *report.notes, *classes))


def digests_of(summary: ReportSummary) -> Iterator[tuple[str, str, str, str]]:
    for found in summary.cells:
        cell = found.cell
        seed = "" if cell.seed is None else f", seed {cell.seed}"
        words = f"{cell.method}, {cell.set}, σ {cell.sigma:g}{seed}"
        yield words, cell.run, cell.fingerprint or "a server's: in its rows", found.rows_sha256
    for attacked in summary.attacks:
        attack = attacked.attack
        seed = "" if attack.seed is None else f", seed {attack.seed}"
        words = f"{attack.method}, {attack.set}, σ {attack.sigma:g}{seed}, ε {attack.eps:g}, {attack.mode}"
        yield words, attack.run, attacked.images_sha256, attacked.rows_sha256
