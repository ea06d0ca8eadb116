"""Each method against the base of the comparison, image by image: pure functions of rows."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.reports.figures import is_certifying, radii_of
from workers.evaluation.reports.intervals import Difference, difference_of_means, difference_of_shares
from workers.evaluation.reports.results import AttackedRun, CertifiedRun, Results
from workers.evaluation.runs import UNREADABLE, Row

Image = tuple[int, str | None]
"""Its index in the set and its file: a pair of both names one image whatever the method made of it."""
Values = Mapping[Image, float]


class PairedDifference(BaseModel):
    """By how much a measure of a method is above that of the base, on the images that both have answered."""

    model_config = ConfigDict(frozen=True)

    method: str
    base: str
    set: str
    sigma: float
    eps: float | None
    measure: str
    difference: Difference


@dataclass(frozen=True)
class Measure:
    """What is counted of a row; `is_share` where it is only ever true or false. `certifies`: of smoothed methods."""

    name: str
    of: Callable[[Row], float]
    is_share: bool = True
    certifies: bool = True


def paired_differences(results: Results) -> tuple[PairedDifference, ...]:
    """Of certificates and attacks, in the order of the tables."""
    return (*certified_differences(results), *attacked_differences(results))


def certified_differences(results: Results) -> Iterator[PairedDifference]:
    """Of each measure on each set with each noise."""
    base, comparison = results.comparison.config.base_method, results.comparison
    groups: dict[tuple[str, float], dict[str, list[CertifiedRun]]] = {}
    for run in results.certified:
        methods = groups.setdefault((run.cell.set, run.cell.sigma), {})
        methods.setdefault(run.cell.method, []).append(run)
    for (set_name, sigma), methods in groups.items():
        for measure in measures(radii_of(comparison)):
            fit = {
                name: [values_of(run, measure) for run in runs]
                for name, runs in methods.items()
                if is_certifying(runs[0].cell, comparison) or not measure.certifies
            }
            for name, difference in against(base, fit, measure.is_share):
                yield PairedDifference(
                    method=name,
                    base=base,
                    set=set_name,
                    sigma=sigma,
                    eps=None,
                    measure=measure.name,
                    difference=difference,
                )


def measures(radii: Sequence[float]) -> list[Measure]:
    """The most voted class, certified accuracy at each radius, and the certified radius."""
    return [
        Measure("most voted class right", lambda row: float(row.image_outcome.is_correct), certifies=False),
        *(Measure(f"certified at {radius:g}", certified_at(radius)) for radius in radii),
        Measure("certified radius", lambda row: row.image_outcome.certified_radius, is_share=False),
    ]


def certified_at(radius: float) -> Callable[[Row], float]:
    return lambda row: float(row.image_outcome.is_certified_at(radius))


def values_of(run: CertifiedRun, measure: Measure) -> Values:
    return {(row.index, row.file): measure.of(row) for row in run.rows if row.outcome != UNREADABLE}


def attacked_differences(results: Results) -> Iterator[PairedDifference]:
    """Of clean accuracy, and of robust accuracy under each mode, at each distance."""
    base = results.comparison.config.base_method
    groups: dict[tuple[str, float, float, str], dict[str, list[AttackedRun]]] = {}
    for run in results.attacked:
        attack = run.attack
        key = (attack.set, attack.sigma, attack.eps, attack.mode.value)
        groups.setdefault(key, {}).setdefault(attack.method, []).append(run)
    clean_told: set[tuple[str, float, float]] = set()
    for (set_name, sigma, eps, mode), methods in groups.items():
        named = {f"robust, {mode}": is_robust}
        if (set_name, sigma, eps) not in clean_told:
            clean_told.add((set_name, sigma, eps))
            named = {"clean": is_clean, **named}
        for name, holds in named.items():
            fit = {method: [shares_of(run, holds) for run in runs] for method, runs in methods.items()}
            for method, difference in against(base, fit, is_share=True):
                yield PairedDifference(
                    method=method,
                    base=base,
                    set=set_name,
                    sigma=sigma,
                    eps=eps,
                    measure=name,
                    difference=difference,
                )


def is_clean(row: AttackRow) -> bool:
    return row.is_clean


def is_robust(row: AttackRow) -> bool:
    return row.is_robust


def shares_of(run: AttackedRun, holds: Callable[[AttackRow], bool]) -> Values:
    return {(row.index, row.file): float(holds(row)) for row in run.rows if row.problem is None}


def against(base: str, methods: Mapping[str, Sequence[Values]], is_share: bool) -> Iterator[tuple[str, Difference]]:
    """Each other method, on the images that both have; nothing where the base is missing, or no image is common."""
    if base not in methods:
        return
    before = mean_of(methods[base])
    for name, runs in methods.items():
        after = mean_of(runs)
        images = [image for image in before if image in after]
        if name == base or not images:
            continue
        pairs = [(before[image], after[image]) for image in images]
        if is_share and len(runs) == len(methods[base]) == 1:
            yield name, difference_of_shares([bool(first) for first, _ in pairs], [bool(last) for _, last in pairs])
        else:
            yield name, difference_of_means([last - first for first, last in pairs])


def mean_of(runs: Sequence[Values]) -> Values:
    """Of each image, over the adaptations."""
    common = [image for image in runs[0] if all(image in run for run in runs)]
    return {image: statistics.fmean(run[image] for run in runs) for image in common}
