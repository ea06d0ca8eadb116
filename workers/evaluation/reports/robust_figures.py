"""The figures of attacks, and of certificates beside them: pure functions of rows."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from robustify.evaluation.metrics import certified_accuracy
from workers.evaluation.attacks.beside import Alarm, BesideSummary, beside
from workers.evaluation.attacks.runs import AttackSummary, attack_summary
from workers.evaluation.reports.figures import Figure, figure, mean, outcomes_of
from workers.evaluation.reports.results import AttackedRun, Results
from workers.evaluation.runs import Row


class RobustFigures(BaseModel):
    """A method on the attacked images of a set, at one distance. `robust_accuracy` is by mode of the attack;
    `certified_accuracy` is at `eps`, `certified_clean_accuracy` at 0, None of a method that is not smoothed.
    """

    model_config = ConfigDict(frozen=True)

    method: str
    set: str
    sigma: float
    eps: float
    images: int
    clean_accuracy: Figure
    robust_accuracy: Mapping[str, Figure]
    certified_accuracy: Figure | None
    certified_clean_accuracy: Figure | None
    zero_gradients: Mapping[str, float]
    forwards: Mapping[str, float]
    """Of one attacked image, by mode."""
    seconds: Mapping[str, float]
    """Of one image, by mode."""


class AttackBeside(BaseModel):
    """One attack beside the certificates of the same images."""

    model_config = ConfigDict(frozen=True)

    method: str
    set: str
    sigma: float
    eps: float
    seed: int | None
    mode: str
    run: str
    robust_accuracy: float
    certified_accuracy: float | None
    abstained_inside: int
    alarms: tuple[Alarm, ...]


def attacks_beside(results: Results) -> tuple[AttackBeside, ...]:
    """Each attack, in the order of the tables."""
    return tuple(attack_beside(run, certificates_of(run, results)) for run in results.attacked)


def certificates_of(run: AttackedRun, results: Results) -> list[Row] | None:
    """Those of the attacked images, with the indices that they have there; None where nothing is certified of them."""
    attack = run.attack
    if results.comparison.method(attack.method).smoothing == "no-smoothing":
        return None
    wanted = (attack.method, attack.set, attack.sigma, attack.seed)
    for found in results.certified:
        cell = found.cell
        if (cell.method, cell.set, cell.sigma, cell.seed) == wanted:
            positions = attack.positions or range(attack.images)
            rows = [found.rows[position] for position in positions]
            return [row.model_copy(update={"index": index}) for index, row in enumerate(rows)]
    return None


def attack_beside(run: AttackedRun, certificates: list[Row] | None) -> AttackBeside:
    attack, found = run.attack, paired(run, certificates)
    return AttackBeside(
        method=attack.method,
        set=attack.set,
        sigma=attack.sigma,
        eps=attack.eps,
        seed=attack.seed,
        mode=attack.mode,
        run=attack.run,
        robust_accuracy=attack_summary(run.rows).robust_accuracy,
        certified_accuracy=None if found is None else found.certified_accuracy,
        abstained_inside=0 if found is None else found.abstained_inside,
        alarms=() if found is None else found.alarms,
    )


def paired(run: AttackedRun, certificates: list[Row] | None) -> BesideSummary | None:
    return None if certificates is None else beside(certificates, run.rows, run.attack.eps)


def robust_figures(results: Results) -> tuple[RobustFigures, ...]:
    """One for each set, pair and method of which an attack is finished, in the order of the tables."""
    found: dict[tuple[str, float, float, str], list[AttackedRun]] = {}
    for run in results.attacked:
        attack = run.attack
        found.setdefault((attack.set, attack.sigma, attack.eps, attack.method), []).append(run)
    return tuple(robust_figures_of(runs, results) for runs in found.values())


def robust_figures_of(runs: Sequence[AttackedRun], results: Results) -> RobustFigures:
    """Of one method under all modes of attack."""
    attack = runs[0].attack
    by_mode = {mode: [run for run in runs if run.attack.mode == mode] for mode in modes_of(runs)}
    summaries = {mode: [attack_summary(run.rows) for run in found] for mode, found in by_mode.items()}
    first = next(iter(by_mode))
    beside_first = [paired(run, certificates_of(run, results)) for run in by_mode[first]]
    certified = [found for found in beside_first if found is not None]
    zero = [certified_at_zero(run, results) for run in by_mode[first]]
    at_zero = [share for share in zero if share is not None]
    return RobustFigures(
        method=attack.method,
        set=attack.set,
        sigma=attack.sigma,
        eps=attack.eps,
        images=summaries[first][0].images - summaries[first][0].unusable,
        clean_accuracy=figure([summary.clean_accuracy for summary in summaries[first]]),
        robust_accuracy={
            mode: figure([summary.robust_accuracy for summary in found]) for mode, found in summaries.items()
        },
        certified_accuracy=figure([found.certified_accuracy for found in certified]) if certified else None,
        certified_clean_accuracy=figure(at_zero) if at_zero else None,
        zero_gradients={mode: mean([one.zero_gradients for one in found]) for mode, found in summaries.items()},
        forwards={mode: mean(list(forwards_of(found))) for mode, found in summaries.items()},
        seconds={mode: mean([one.seconds / max(1, one.images) for one in found]) for mode, found in summaries.items()},
    )


def modes_of(runs: Sequence[AttackedRun]) -> list[str]:
    return list(dict.fromkeys(run.attack.mode.value for run in runs))


def forwards_of(summaries: Sequence[AttackSummary]) -> Iterator[float]:
    """Of one attacked image."""
    return (summary.forwards / max(1, summary.attacked) for summary in summaries)


def certified_at_zero(run: AttackedRun, results: Results) -> float | None:
    """Of the attacked images; None where nothing is certified."""
    rows = certificates_of(run, results)
    return None if rows is None else certified_accuracy(outcomes_of(rows), 0.0)
