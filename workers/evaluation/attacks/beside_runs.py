"""`robustify evaluate --attack FOLDER`: images of an attack, answered beside the certificates of the clean ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from robustify.types import PredictTest
from workers.evaluation.attacks.attacker import Attack, Attacker
from workers.evaluation.attacks.beside import BesideSummary, beside
from workers.evaluation.attacks.images import keep, read_kept
from workers.evaluation.attacks.report import keep_document
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.runs import run_attack
from workers.evaluation.attacks.transfer import KeptAttack
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.procedure import Procedure
from workers.evaluation.runs import Evaluation, Row, Summary, read_rows

PREDICTION_SAMPLES = 100
"""Of the paper's empirical robust accuracy."""


class AttackedEvaluation(Summary):
    """An evaluation, and what became of it under attack."""

    attack: BesideSummary


def evaluate_beside(
    evaluation: Evaluation,
    summary: Summary,
    dataset: Dataset,
    rows_file: Path,
    source: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> AttackedEvaluation:
    """Answers the images of `source` into a folder beside the rows, and keeps every alarm with its image."""
    kept = KeptAttack(source)
    attack = Attack(predicting(evaluation), plan=None, source=kept.digest)
    folder = rows_file.with_suffix(".attacked")
    attacked = run_attack(lambda: Attacker(attack, kept), attack.digest, dataset, folder, on_progress)
    rows: list[Row] = list(read_rows(rows_file, evaluation.digest))
    found = beside(rows, attacked, eps=max((row.distance for row in attacked), default=0.0))
    keep_alarms(found, {row.index: row for row in attacked}, folder, rows_file.with_suffix(".alarms"))
    return AttackedEvaluation(**summary.model_dump(), attack=found)


def predicting(evaluation: Evaluation) -> Evaluation:
    """The same function, by the paper's PREDICT."""
    procedure = Procedure(test=PredictTest.FIXED, noise=evaluation.procedure.noise)
    return replace(evaluation, procedure=procedure, parameters=replace(evaluation.parameters, n=PREDICTION_SAMPLES))


def keep_alarms(found: BesideSummary, rows: dict[int, AttackRow], source: Path, folder: Path) -> None:
    """Each alarm as a document beside its image."""
    for alarm in found.alarms:
        keep(folder, alarm.index, read_kept(source, rows[alarm.index]))
        keep_document(folder, f"{alarm.index:06}.json", alarm)
