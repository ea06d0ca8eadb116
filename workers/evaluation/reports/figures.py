"""The figures of certificates: pure functions of rows. Shares are of the images that could be read."""

import statistics
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from robustify.evaluation.metrics import (
    RADIUS_STEP,
    ImageOutcome,
    abstention_rate,
    average_certified_radius,
    certified_accuracy,
    clean_accuracy,
)
from robustify.smoothing.statistics import largest_radius
from workers.evaluation.comparison.document import ComparedCell, Comparison
from workers.evaluation.reports.results import CertifiedRun, Results
from workers.evaluation.runs import UNREADABLE, Row


class Figure(BaseModel):
    """The mean over the adaptations, and their standard deviation where there are several."""

    model_config = ConfigDict(frozen=True)

    mean: float
    spread: float | None = None


class CertifiedFigures(BaseModel):
    """A method on a set with one noise. `certified_accuracy` is by radius; it and what follows it are None of a method
    that is not smoothed.
    """

    model_config = ConfigDict(frozen=True)

    method: str
    set: str
    sigma: float
    adaptations: int
    images: int
    unreadable: int
    clean_accuracy: Figure
    samples: float
    """Of one image."""
    seconds: float
    """Of one image."""
    certified_accuracy: Mapping[str, Figure] = {}
    acr: Figure | None = None
    abstained: Figure | None = None


def figure(values: Sequence[float]) -> Figure:
    """Of one value or several."""
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Figure(mean=statistics.fmean(values), spread=spread)


def radii_of(comparison: Comparison) -> tuple[float, ...]:
    """Those that were asked for, or all steps up to the largest that any cell can certify."""
    if comparison.config.radii:
        return tuple(sorted(comparison.config.radii))
    config = comparison.config
    largest = largest_radius(config.n, config.alpha, config.sigmas[-1]) or 0.0
    return tuple(step * RADIUS_STEP for step in range(int(largest / RADIUS_STEP) + 1))


def is_certifying(cell: ComparedCell, comparison: Comparison) -> bool:
    """Whether its method is smoothed."""
    return comparison.method(cell.method).smoothing != "no-smoothing"


def readable(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.outcome != UNREADABLE]


def outcomes_of(rows: Sequence[Row]) -> list[ImageOutcome]:
    """Of the rows whose image could be read."""
    return [ImageOutcome(row.label, row.answer, row.radius) for row in readable(rows)]


def certified_figures(results: Results) -> tuple[CertifiedFigures, ...]:
    """One for each set, sigma and method that is finished, in the order of the tables."""
    found: dict[tuple[str, float, str], list[CertifiedRun]] = {}
    for run in results.certified:
        found.setdefault((run.cell.set, run.cell.sigma, run.cell.method), []).append(run)
    return tuple(figures_of_runs(runs, results.comparison) for runs in found.values())


def figures_of_runs(runs: Sequence[CertifiedRun], comparison: Comparison) -> CertifiedFigures:
    """Of the adaptations of one method."""
    cell, outcomes = runs[0].cell, [outcomes_of(run.rows) for run in runs]
    rows = [row for run in runs for row in readable(run.rows)]
    common = {
        "method": cell.method,
        "set": cell.set,
        "sigma": cell.sigma,
        "adaptations": len(runs),
        "images": len(outcomes[0]),
        "unreadable": cell.images - len(outcomes[0]),
        "clean_accuracy": figure([clean_accuracy(found) for found in outcomes]),
        "samples": mean([samples_of(row, cell, comparison) for row in rows]),
        "seconds": mean([row.seconds for row in rows]),
    }
    if not is_certifying(cell, comparison):
        return CertifiedFigures.model_validate(common)
    by_radius = {
        f"{radius:g}": figure([certified_accuracy(found, radius) for found in outcomes])
        for radius in radii_of(comparison)
    }
    return CertifiedFigures.model_validate(
        {
            **common,
            "certified_accuracy": by_radius,
            "acr": figure([average_certified_radius(found) for found in outcomes]),
            "abstained": figure([abstention_rate(found) for found in outcomes]),
        }
    )


def samples_of(row: Row, cell: ComparedCell, comparison: Comparison) -> float:
    if not is_certifying(cell, comparison):
        return 1
    return cell.n0 + cell.n if row.samples is None else row.samples


def mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0
