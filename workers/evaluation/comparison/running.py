"""`robustify compare`: runs every cell, resumed where it stopped; what cannot be run is a gap, and the rest goes on."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from adapters.child_process import end_with
from adapters.settings import Settings
from robustify.errors import RobustifyError
from robustify.types import Task
from workers.evaluation.asked import report_of
from workers.evaluation.attacks.attacker import Attacker
from workers.evaluation.attacks.checks import zero_gradient_check
from workers.evaluation.attacks.report import REPORT, AttackReport, keep_document, settings_of
from workers.evaluation.attacks.runs import attack_summary, run_attack
from workers.evaluation.comparison.adapting import adapted_task
from workers.evaluation.comparison.cells import Cell, certified_cells
from workers.evaluation.comparison.compared import compared
from workers.evaluation.comparison.config_file import ConfigError
from workers.evaluation.comparison.document import ATTACKS, ROWS, Comparison, Gap, keep_comparison
from workers.evaluation.comparison.preparing import Preparation, Prepared, PreparedAttack
from workers.evaluation.comparison.readiness import gaps_of
from workers.evaluation.parts.part import WHOLE, Part
from workers.evaluation.rows import ended_at_once, row_source
from workers.evaluation.runs import rows_of_images

Advance = Callable[[int, int], None]
"""Told how many are done, of how many."""


@dataclass(frozen=True)
class Told:
    """How people hear of it: a line, and a bar for each piece of work. A bar is named by a text of ours alone."""

    say: Callable[[str], None] = lambda text: None
    bar: Callable[[str], AbstractContextManager[Advance]] = lambda unit: nullcontext(lambda done, total: None)


@dataclass
class Run:
    """One comparison in one folder; of a part, every N-th image of each cell alone."""

    preparation: Preparation
    output: Path
    told: Told = field(default_factory=Told)
    part: Part = WHOLE

    def run(self) -> Comparison:
        """All of it. The document is there before the first row is, and again with every gap at the end."""
        gaps, cells = self.prepared()
        attacks = self.preparation.prepared_attacks(cells)
        comparison = compared(self.preparation, cells, attacks, gaps)
        keep_comparison(self.output, comparison)
        failed = [*self.certify(cells), *self.attack(attacks)]
        finished = comparison.model_copy(update={"gaps": (*comparison.gaps, *failed)})
        keep_comparison(self.output, finished)
        return finished

    def prepared(self) -> tuple[list[Gap], list[Prepared]]:
        """What is missing, and what can be run: adaptations are made by then."""
        config = self.preparation.file.config
        gaps = list(gaps_of(config.all_methods, config.sigmas, self.preparation.settings_of))
        return gaps, list(self.prepared_cells(gaps))

    def prepared_cells(self, gaps: list[Gap]) -> Iterator[Prepared]:
        """Those that can be run; an adaptation that fails is one more gap. Raises ConfigError for a set that cannot be
        read, since no method could be asked about it.
        """
        for cell in certified_cells(self.preparation.file.config):
            if any(gap.holds_for(cell.method.name, cell.sigma) for gap in gaps):
                continue
            try:
                yield self.preparation.prepared(cell, self.adapt)
            except ConfigError:
                raise
            except RobustifyError as error:
                gaps.append(self.failed(cell, error))

    def adapt(self, task: Task, cell: Cell, settings: Settings) -> Task:
        assert cell.seed is not None
        self.told.say(f"adaptation: {cell.words}")
        asked, threads = self.preparation.file.config.adaptation, self.preparation.settings.threads
        # It is made in this process, which has the threads of all the others meanwhile.
        alone = settings.model_copy(update={"threads": threads})
        with self.told.bar("steps") as advance:
            return adapted_task(task, asked, cell.seed, alone, advance)

    def certify(self, cells: Sequence[Prepared]) -> Iterator[Gap]:
        """The rows of every cell, in the order of the tables; cells with the same rows share their file."""
        for number, found in enumerate(cells, start=1):
            path = self.output / ROWS / f"{found.evaluation.digest}.jsonl"
            try:
                with self.told.bar(f"images (run {number} of {len(cells)})") as advance:
                    source = row_source(found.evaluation, found.images, self.preparation.workers, self.told.say)
                    rows_of_images(found.evaluation, self.part.indices(len(found.images)), path, source, advance)
            except RobustifyError as error:
                yield self.failed(found.cell, error)

    def attack(self, attacks: Sequence[PreparedAttack]) -> Iterator[Gap]:
        """The rows and images of every attack: one after the other, or each in one of several processes."""
        if self.preparation.workers > 1 and len(attacks) > 1:
            yield from self.attack_side_by_side(distinct(attacks))
            return
        runs = distinct(attacks)
        for number, found in enumerate(runs, start=1):
            try:
                with self.told.bar(f"attacked images (run {number} of {len(runs)})") as advance:
                    run_one(found, self.output, self.part, advance)
            except RobustifyError as error:
                yield self.failed_attack(found, error)

    def attack_side_by_side(self, attacks: Sequence[PreparedAttack]) -> Iterator[Gap]:
        context, number = get_context("spawn"), self.preparation.workers
        with ended_at_once(ProcessPoolExecutor(number, context, end_with, (os.getpid(),))) as pool:
            under_way: dict[Future[None], PreparedAttack] = {
                pool.submit(run_one, found, self.output, self.part): found for found in attacks
            }
            with self.told.bar("attacks") as advance:
                for done, future in enumerate(as_completed(under_way), start=1):
                    if (error := failure(future)) is not None:
                        yield self.failed_attack(under_way[future], error)
                    advance(done, len(under_way))

    def failed(self, cell: Cell, error: RobustifyError) -> Gap:
        self.told.say(f"missing: {cell.words}: {error}")
        return Gap(method=cell.method.name, set=cell.data.title, sigma=cell.sigma, seed=cell.seed, why=str(error))

    def failed_attack(self, found: PreparedAttack, error: RobustifyError) -> Gap:
        gap, cell = self.failed(found.cell.cell, error), found.cell
        return gap.model_copy(update={"eps": cell.eps, "mode": cell.plan.mode})


def run_one(
    found: PreparedAttack, output: Path, part: Part = WHOLE, advance: Advance = lambda done, total: None
) -> None:
    """The rows, images and report of one attack, as `robustify attack` leaves them."""
    folder, attack = output / ATTACKS / found.attack.digest, found.attack
    indices = part.indices(len(found.images))
    rows = run_attack(lambda: Attacker(attack), attack.digest, found.images, folder, advance, indices)
    report = AttackReport(
        settings=settings_of(attack),
        summary=attack_summary(rows),
        checks=(zero_gradient_check(rows),),
        data=report_of(found.images, attack.evaluation.task),
    )
    keep_document(folder, REPORT, report)


def failure(future: Future[None]) -> RobustifyError | None:
    """What was expected to go wrong in a process; anything else is raised."""
    try:
        future.result()
    except RobustifyError as error:
        return error
    except BrokenProcessPool:
        return RobustifyError("a process of the comparison died: use fewer --workers, or more memory")
    return None


def distinct(attacks: Iterable[PreparedAttack]) -> list[PreparedAttack]:
    """Without those that another one has the same rows as: no two processes may write to one folder."""
    return list({found.attack.digest: found for found in attacks}.values())
