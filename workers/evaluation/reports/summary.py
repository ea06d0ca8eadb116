"""`summary.json`: every figure of a comparison, all settings, and the digests by which somebody else finds the same."""

from pydantic import BaseModel

from workers.evaluation.comparison.document import ComparedAttack, ComparedCell, Comparison, Environment, Gap, TakenData
from workers.evaluation.reports.checks import OrderCheck, order_checks
from workers.evaluation.reports.differences import PairedDifference, paired_differences
from workers.evaluation.reports.figures import CertifiedFigures, certified_figures
from workers.evaluation.reports.results import AttackedRun, CertifiedRun, Results, digest_of_all
from workers.evaluation.reports.robust_figures import RobustFigures, robust_figures


class CellDigest(BaseModel):
    """A cell, and the sha256 of its rows without their times."""

    cell: ComparedCell
    rows_sha256: str


class AttackDigest(BaseModel):
    """An attack, and the sha256 of its rows without their times and of its adversarial images."""

    attack: ComparedAttack
    rows_sha256: str
    images_sha256: str


class ReportSummary(BaseModel):
    """One document; `digest` is over all rows."""

    name: str
    title: str
    config_file: str
    config_sha256: str
    digest: str
    certified: tuple[CertifiedFigures, ...]
    robust: tuple[RobustFigures, ...]
    differences: tuple[PairedDifference, ...]
    checks: tuple[OrderCheck, ...]
    gaps: tuple[Gap, ...]
    sets: tuple[TakenData, ...]
    cells: tuple[CellDigest, ...]
    attacks: tuple[AttackDigest, ...]
    environment: Environment
    comparison: Comparison

    @property
    def has_alarms(self) -> bool:
        """Whether an attack contradicts a certificate."""
        return any(check.alarms for check in self.checks)

    @property
    def unreadable(self) -> int:
        """Images of a set that could not be used."""
        return max((found.unreadable for found in self.certified), default=0)


def summary_of(results: Results) -> ReportSummary:
    comparison = results.comparison
    return ReportSummary(
        name=comparison.config.name,
        title=comparison.config.title,
        config_file=comparison.config_file,
        config_sha256=comparison.config_sha256,
        digest=digest_of_results(results),
        certified=certified_figures(results),
        robust=robust_figures(results),
        differences=paired_differences(results),
        checks=order_checks(results),
        gaps=results.gaps,
        sets=comparison.sets,
        cells=tuple(map(digest_of_cell, results.certified)),
        attacks=tuple(map(digest_of_attack, results.attacked)),
        environment=comparison.environment,
        comparison=comparison,
    )


def digest_of_results(results: Results) -> str:
    certified = [run.digest for run in results.certified]
    return digest_of_all([*certified, *(run.digest for run in results.attacked)])


def digest_of_cell(run: CertifiedRun) -> CellDigest:
    return CellDigest(cell=run.cell, rows_sha256=run.digest)


def digest_of_attack(run: AttackedRun) -> AttackDigest:
    return AttackDigest(attack=run.attack, rows_sha256=run.digest, images_sha256=run.images_digest)
