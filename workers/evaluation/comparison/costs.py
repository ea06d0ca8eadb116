"""What a comparison costs at the most, said before it begins: forward passes, and seconds where rows tell a rate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from adapters.contract.adapt_cost import cost_of
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import RobustifyError
from robustify.types import Task
from workers.evaluation.attacks.runs import read_attack_rows
from workers.evaluation.comparison.adapting import adaptation_request, kept_adaptation
from workers.evaluation.comparison.cells import Cell, certified_cells
from workers.evaluation.comparison.config import AdaptationTable
from workers.evaluation.comparison.document import ATTACKS, ROWS, Gap
from workers.evaluation.comparison.preparing import Preparation, Prepared, PreparedAttack
from workers.evaluation.comparison.readiness import gaps_of
from workers.evaluation.runs import Evaluation, read_rows

NOT_MADE_YET = "not made yet"
"""Stands for an adaptation that the comparison will make: no rows are of it."""
Rate = tuple[str, str, str]
"""What rows of one rate have in common: the profile, how it is smoothed, and what was done with it."""


class CellCost(BaseModel):
    """What is missing of a cell. `forwards`: passes of f of all missing images, at the most; `seconds` is None where no
    row of its kind is there yet.
    """

    words: str
    images: int
    missing: int
    forwards: int
    seconds: float | None


class ComparisonCost(BaseModel):
    """`seconds` are those that are known; `without_rate` counts the cells of which none are."""

    cells: tuple[CellCost, ...]
    adaptations: tuple[CellCost, ...]
    gaps: tuple[Gap, ...]
    forwards: int
    seconds: float
    without_rate: int


@dataclass(frozen=True)
class Work:
    """A cell as it is: how many rows it has, what they took, and what one more would take. `run` names its rows."""

    run: str
    words: str
    rate: Rate
    images: int
    rows: int
    done_forwards: int
    done_seconds: float
    forwards_of_image: int

    @property
    def missing(self) -> int:
        return self.images - self.rows


def cost_of_comparison(preparation: Preparation, output: Path) -> ComparisonCost:
    """Nothing is loaded, made or written."""
    config = preparation.file.config
    gaps = gaps_of(config.all_methods, config.sigmas, preparation.settings_of)
    adaptations: dict[str, CellCost] = {}

    def planned(task: Task, cell: Cell, settings: Settings) -> Task:
        found, cost = planned_adaptation(task, cell, config.adaptation, settings)
        if cost is not None:
            adaptations[cost.words] = cost
        return found

    cells = [cell for cell in certified_cells(config) if not is_missing(cell, gaps)]
    prepared = [preparation.prepared(cell, planned) for cell in cells]
    attacks = preparation.prepared_attacks(prepared)
    works = [*(certified_work(found, output) for found in prepared), *(attack_work(found, output) for found in attacks)]
    costs = tuple(costs_of(distinct(works)))
    return ComparisonCost(
        cells=costs,
        adaptations=tuple(adaptations.values()),
        gaps=gaps,
        forwards=sum(cost.forwards for cost in (*costs, *adaptations.values())),
        seconds=round(sum(cost.seconds or 0.0 for cost in costs), 1),
        without_rate=sum(cost.seconds is None for cost in (*costs, *adaptations.values())),
    )


def is_missing(cell: Cell, gaps: Sequence[Gap]) -> bool:
    return any(gap.holds_for(cell.method.name, cell.sigma) for gap in gaps)


def planned_adaptation(
    task: Task, cell: Cell, asked: AdaptationTable, settings: Settings
) -> tuple[Task, CellCost | None]:
    """The task as it would be, and what its adaptation costs, if it is to be made."""
    assert cell.seed is not None
    unmade = replace(task, adaptation=f"{NOT_MADE_YET}, seed {cell.seed}")
    try:
        _, request = adaptation_request(task, asked, cell.seed, settings)
    except RobustifyError:
        return unmade, None
    if (kept := kept_adaptation(request, settings)) is not None:
        return replace(request.label_task, adaptation=kept), None
    work = cost_of(request, served_profile(settings)).work_samples
    words = f"adapting {settings.profile} to {cell.data.title}, seed {cell.seed}"
    return unmade, CellCost(words=words, images=1, missing=1, forwards=work, seconds=None)


def certified_work(found: Prepared, output: Path) -> Work:
    evaluation = found.evaluation
    rows = list(read_rows(output / ROWS / f"{evaluation.digest}.jsonl", evaluation.digest))
    each = passes_of_answer(evaluation)
    return Work(
        run=evaluation.digest,
        words=found.cell.words,
        rate=rate_of(evaluation, "certified"),
        images=len(found.images),
        rows=min(len(rows), len(found.images)),
        done_forwards=sum(each if row.samples is None else row.samples for row in rows),
        done_seconds=sum(row.seconds for row in rows),
        forwards_of_image=each,
    )


def attack_work(found: PreparedAttack, output: Path) -> Work:
    attack = found.attack
    assert attack.plan is not None
    rows = list(read_attack_rows(output / ATTACKS / attack.digest, attack.digest))
    answer = passes_of_answer(attack.evaluation)
    return Work(
        run=attack.digest,
        words=found.cell.words,
        rate=rate_of(attack.evaluation, attack.plan.mode),
        images=len(found.images),
        rows=min(len(rows), len(found.images)),
        done_forwards=sum(row.forwards + (1 + row.attacked) * answer for row in rows),
        done_seconds=sum(row.seconds for row in rows),
        forwards_of_image=attack.plan.forwards + 2 * answer,
    )


def passes_of_answer(evaluation: Evaluation) -> int:
    """Of one image, at the most."""
    if evaluation.smoothing == "no-smoothing":
        return 1
    parameters = evaluation.parameters
    return parameters.n if evaluation.procedure.test is not None else parameters.n0 + parameters.n


def rate_of(evaluation: Evaluation, what: str) -> Rate:
    return evaluation.settings.profile, evaluation.smoothing, what


def distinct(works: Sequence[Work]) -> list[Work]:
    """Each run once: a method without noise has the same rows at every sigma."""
    first: dict[str, Work] = {}
    for work in works:
        first.setdefault(work.run, work)
    return list(first.values())


def costs_of(works: Sequence[Work]) -> Iterator[CellCost]:
    rates = {rate: seconds_of_forward(works, rate) for rate in {work.rate for work in works}}
    for work in works:
        forwards, rate = work.missing * work.forwards_of_image, rates[work.rate]
        seconds = 0.0 if forwards == 0 else None if rate is None else round(forwards * rate, 1)
        yield CellCost(words=work.words, images=work.images, missing=work.missing, forwards=forwards, seconds=seconds)


def seconds_of_forward(works: Sequence[Work], rate: Rate) -> float | None:
    """By all rows of its kind that are there."""
    alike = [work for work in works if work.rate == rate]
    forwards = sum(work.done_forwards for work in alike)
    return sum(work.done_seconds for work in alike) / forwards if forwards else None
