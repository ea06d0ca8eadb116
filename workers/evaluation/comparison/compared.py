"""From what was prepared of a comparison to the document that tells it."""

import os
import platform
from collections.abc import Iterable, Iterator, Sequence

from adapters.certificates.software import software_versions
from adapters.profiles.fingerprint import engine_digest, fingerprint
from adapters.profiles.library import served_profile
from workers.evaluation.asked import report_of
from workers.evaluation.comparison.document import (
    ComparedAttack,
    ComparedCell,
    Comparison,
    Environment,
    Gap,
    TakenData,
)
from workers.evaluation.comparison.preparing import Preparation, Prepared, PreparedAttack


def compared(
    preparation: Preparation, cells: Sequence[Prepared], attacks: Sequence[PreparedAttack], gaps: Sequence[Gap]
) -> Comparison:
    """The whole document."""
    file = preparation.file
    return Comparison(
        config=file.config,
        config_file=file.name,
        config_sha256=file.sha256,
        methods=file.config.all_methods,
        sets=tuple(taken(cells)),
        cells=tuple(map(compared_cell, cells)),
        attacks=tuple(map(compared_attack, attacks)),
        gaps=tuple(gaps),
        environment=environment(preparation),
    )


def taken(cells: Iterable[Prepared]) -> Iterator[TakenData]:
    """Each set once, as the first method sees it."""
    seen: set[str] = set()
    for found in cells:
        title, task, images = found.cell.data.title, found.evaluation.task, found.images
        if title not in seen:
            seen.add(title)
            yield TakenData(
                set=title,
                images=len(images),
                labels=task.labels,
                templates=task.all_templates,
                report=report_of(images, task),
            )


def compared_cell(found: Prepared) -> ComparedCell:
    evaluation, cell = found.evaluation, found.cell
    profile, settings, parameters = served_profile(evaluation.settings), evaluation.settings, evaluation.parameters
    own = fingerprint(profile, settings, evaluation.task, parameters.sigma, evaluation.procedure.noise)
    return ComparedCell(
        method=cell.method.name,
        set=cell.data.title,
        sigma=cell.sigma,
        seed=cell.seed,
        run=evaluation.digest,
        profile=profile.name,
        engine=engine_digest(profile, settings),
        fingerprint=None if evaluation.server else own,
        adaptation=evaluation.task.adaptation,
        labels=evaluation.task.labels,
        templates=evaluation.task.all_templates,
        dataset=evaluation.dataset_digest,
        images=len(found.images),
        n0=parameters.n0,
        n=parameters.n,
        alpha=parameters.alpha,
        slack=parameters.slack,
        bound=evaluation.procedure.bound.value,
        by_server=evaluation.server is not None,
    )


def compared_attack(found: PreparedAttack) -> ComparedAttack:
    cell, parameters = found.cell.cell, found.attack.evaluation.parameters
    return ComparedAttack(
        method=cell.method.name,
        set=cell.data.title,
        sigma=cell.sigma,
        seed=cell.seed,
        eps=found.cell.eps,
        mode=found.cell.plan.mode,
        run=found.attack.digest,
        plan=found.cell.plan,
        images=len(found.images),
        positions=found.positions,
        n=parameters.n,
        alpha=parameters.alpha,
    )


def environment(preparation: Preparation) -> Environment:
    return Environment(
        software=software_versions(),
        machine=platform.machine(),
        system=platform.system(),
        processors=os.cpu_count() or 1,
        device=preparation.settings.device,
        workers=preparation.workers,
    )
