"""What a run of `robustify attack` leaves beside its rows: everything that decided them, the figures, the checks."""

from pathlib import Path

from pydantic import BaseModel

from adapters.durable_files import write_whole
from adapters.profiles.library import served_profile
from workers.evaluation.attacks.attacker import Attack
from workers.evaluation.attacks.check import CheckResult, Checks
from workers.evaluation.attacks.plan import AttackPlan
from workers.evaluation.attacks.runs import AttackSummary
from workers.evaluation.data.dataset import DataReport

REPORT, CHECKS = "report.json", "checks.json"


class AttackSettings(BaseModel):
    """What was attacked, by what, on which data, and what answered. `run` is the digest of all of it."""

    run: str
    profile: str
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    adaptation: str | None
    defence: str
    sigma: float
    n: int
    alpha: float
    dataset: str
    plan: AttackPlan | None
    transferred_from: str | None


class AttackReport(BaseModel):
    """One document, that says how to get the same numbers again. `checks` are those that were made in the folder, and
    what the run itself shows.
    """

    settings: AttackSettings
    summary: AttackSummary
    checks: tuple[CheckResult, ...]
    data: DataReport | None = None


def settings_of(attack: Attack) -> AttackSettings:
    evaluation = attack.evaluation
    return AttackSettings(
        run=attack.digest,
        profile=served_profile(evaluation.settings).name,
        labels=evaluation.task.labels,
        templates=evaluation.task.all_templates,
        adaptation=evaluation.task.adaptation,
        defence=evaluation.smoothing,
        sigma=evaluation.parameters.sigma,
        n=evaluation.parameters.n,
        alpha=evaluation.parameters.alpha,
        dataset=evaluation.dataset_digest,
        plan=attack.plan,
        transferred_from=attack.source,
    )


def kept_checks(folder: Path) -> tuple[CheckResult, ...]:
    """Those that `--check` has written into the folder."""
    path = folder / CHECKS
    return Checks.model_validate_json(path.read_text(encoding="utf-8")).results if path.exists() else ()


def keep_document(folder: Path, name: str, document: BaseModel) -> None:
    """As JSON that people can read, whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, (document.model_dump_json(indent=2) + "\n").encode())
