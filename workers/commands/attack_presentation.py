"""What the commands about attacks print for people; `--json` prints the same documents as they are."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.commands.presentation import figures_table, print_evaluation
from workers.evaluation.attacks.check import CheckResult, Checks

if TYPE_CHECKING:
    # These load torch, and every command imports this file.
    from workers.evaluation.attacks.beside_runs import AttackedEvaluation
    from workers.evaluation.attacks.report import AttackReport

OUTCOMES = {True: "passed", False: "FAILED", None: "not done"}
SHARES = ("clean_accuracy", "answered_accuracy", "robust_accuracy", "zero_gradients")


def print_attack(console: Console, report: "AttackReport") -> None:
    summary = report.summary.model_dump()
    figures = {name: f"{value:.1%}" if name in SHARES else value for name, value in summary.items()}
    console.print(figures_table(figures))
    if report.checks:
        console.print(checks_table(report.checks))


def print_checks(console: Console, checks: Checks) -> None:
    console.print(checks_table(checks.results))
    failed = [result.name for result in checks.results if result.passed is False]
    verdict = f"not to be trusted: {', '.join(failed)}" if failed else "no check failed"
    console.print(Text(f"{verdict} ({checks.images} images)", "bold"))


def checks_table(results: tuple[CheckResult, ...]) -> Table:
    table = Table("", "check", "what was done", "what must hold", "what was measured", "", show_lines=True)
    for result in results:
        cells = (result.name, result.done, result.must_hold, result.measured, OUTCOMES[result.passed])
        table.add_row(str(result.number), *map(Text, cells))
    return table


def print_attacked(console: Console, found: "AttackedEvaluation") -> None:
    """The evaluation, the accuracies beside one another, and every alarm in its own red line."""
    print_evaluation(console, found)
    summary = found.attack
    figures = {
        "attacked images": summary.images,
        "largest distance": f"{summary.eps:.4f}",
        "clean accuracy": f"{summary.clean_accuracy:.1%}",
        "robust accuracy": f"{summary.robust_accuracy:.1%}",
        "certified accuracy there": f"{summary.certified_accuracy:.1%}",
        "abstained within a radius": summary.abstained_inside,
        "alarms": len(summary.alarms),
    }
    console.print(figures_table(figures))
    for alarm in summary.alarms:
        text = (
            f"ALARM: image {alarm.index} ({alarm.file}) is certified as class {alarm.certified} within "
            f"{alarm.radius:.4f}, and answered as class {alarm.answered} at {alarm.distance:.4f}"
        )
        console.print(Text(text, "bold red"), soft_wrap=True)
