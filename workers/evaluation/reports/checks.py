"""Certified is at most strong, and strong at most paper, in every row; where it is not, whether chance explains it."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from workers.evaluation.attacks.beside import Alarm
from workers.evaluation.attacks.check import is_more
from workers.evaluation.attacks.plan import AttackMode
from workers.evaluation.reports.results import AttackedRun, Results
from workers.evaluation.reports.robust_figures import AttackBeside, attacks_beside


class Verdict(StrEnum):
    """What a row of the check says."""

    HOLDS = "holds"
    ABSTENTIONS = "holds but for abstentions"
    """An abstention within a certified radius contradicts nothing, and is not robust."""
    CHANCE = "within chance"
    WEAK = "the strong attack is weaker"
    """By more than chance: no robust accuracy of this row is to be trusted."""
    ALARM = "ALARM"
    """An image within its certified radius was answered as another class."""


class OrderCheck(BaseModel):
    """One row; a share is None where there is none of its kind."""

    model_config = ConfigDict(frozen=True)

    method: str
    set: str
    sigma: float
    eps: float
    seed: int | None
    certified: float | None
    strong: float | None
    paper: float | None
    abstained_inside: int
    verdict: Verdict
    alarms: tuple[Alarm, ...]
    alarmed_runs: tuple[str, ...]
    """Of each alarm, the run that its image is kept with."""


Place = tuple[str, float, float, str, int | None]


def order_checks(results: Results) -> tuple[OrderCheck, ...]:
    """One for each method, set, pair and adaptation, in the order of the tables."""
    rows: dict[Place, list[tuple[AttackedRun, AttackBeside]]] = {}
    for run, beside in zip(results.attacked, attacks_beside(results), strict=True):
        place = (beside.set, beside.sigma, beside.eps, beside.method, beside.seed)
        rows.setdefault(place, []).append((run, beside))
    return tuple(order_check(found) for found in rows.values())


def order_check(found: Sequence[tuple[AttackedRun, AttackBeside]]) -> OrderCheck:
    by_mode = {beside.mode: (run, beside) for run, beside in found}
    first = found[0][1]
    alarms = [(alarm, beside.run) for _, beside in found for alarm in beside.alarms]
    return OrderCheck(
        method=first.method,
        set=first.set,
        sigma=first.sigma,
        eps=first.eps,
        seed=first.seed,
        certified=first.certified_accuracy,
        strong=robust(by_mode.get(AttackMode.STRONG)),
        paper=robust(by_mode.get(AttackMode.PAPER)),
        abstained_inside=max(beside.abstained_inside for _, beside in found),
        verdict=verdict(found, bool(alarms)),
        alarms=tuple(alarm for alarm, _ in alarms),
        alarmed_runs=tuple(run for _, run in alarms),
    )


def robust(found: tuple[AttackedRun, AttackBeside] | None) -> float | None:
    return None if found is None else found[1].robust_accuracy


def verdict(found: Sequence[tuple[AttackedRun, AttackBeside]], has_alarms: bool) -> Verdict:
    if has_alarms:
        return Verdict.ALARM
    stands = {run.attack.mode: standing(run) for run, _ in found}
    paper, strong = stands.get(AttackMode.PAPER), stands.get(AttackMode.STRONG)
    if paper is not None and strong is not None and sum(strong) > sum(paper):
        return Verdict.WEAK if is_more(paper, strong) else Verdict.CHANCE
    return Verdict.ABSTENTIONS if any(is_above(beside) for _, beside in found) else Verdict.HOLDS


def standing(run: AttackedRun) -> list[bool]:
    return [row.is_robust for row in run.rows if row.problem is None]


def is_above(beside: AttackBeside) -> bool:
    """Without an alarm only abstentions of PREDICT can do that."""
    return beside.certified_accuracy is not None and beside.certified_accuracy > beside.robust_accuracy


def all_alarms(checks: Sequence[OrderCheck]) -> Iterator[tuple[OrderCheck, Alarm, str]]:
    """With the row and the run of each."""
    for check in checks:
        for alarm, run in zip(check.alarms, check.alarmed_runs, strict=True):
            yield check, alarm, run
