"""What the plots of a report show, as points and bars: pure functions of figures and rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from robustify.evaluation.metrics import certified_accuracy
from workers.evaluation.comparison.document import Comparison
from workers.evaluation.reports.figures import CertifiedFigures, is_certifying, outcomes_of
from workers.evaluation.reports.results import CertifiedRun, Results
from workers.evaluation.reports.robust_figures import RobustFigures

Points = tuple[tuple[float, float], ...]
"""(x, y), by x."""


@dataclass(frozen=True)
class Curve:
    """A step curve of a method; `series` is the place of the method, which its colour goes by."""

    title: str
    series: int
    points: Points


@dataclass(frozen=True)
class Panel:
    """Curves in one pair of axes."""

    title: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Bars:
    """A value of every method, or None; one set of bars of a group."""

    title: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class BarPanel:
    """Groups of bars: one group for each method."""

    title: str
    methods: tuple[str, ...]
    bars: tuple[Bars, ...]


@dataclass(frozen=True)
class Spent:
    """A method at one noise: what an image took, and what it brought."""

    title: str
    sigma: float
    series: int
    samples: float
    seconds: float
    accuracy: float


def radius_panels(results: Results, set_name: str) -> tuple[Panel, ...]:
    """Certified accuracy over the radius: a panel for each noise, and one with each method's upper envelope."""
    comparison = results.comparison
    by_sigma = {sigma: tuple(curves_at(results, set_name, sigma)) for sigma in comparison.config.sigmas}
    panels = [Panel(f"σ {sigma:g}", curves) for sigma, curves in by_sigma.items() if curves]
    if len(panels) > 1:
        panels.append(Panel("upper envelope", tuple(envelopes(by_sigma.values()))))
    return tuple(panels)


def curves_at(results: Results, set_name: str, sigma: float) -> Iterator[Curve]:
    """One for each smoothed method that is finished."""
    comparison = results.comparison
    for series, method in enumerate(comparison.methods):
        runs = [
            run
            for run in results.certified
            if (run.cell.set, run.cell.sigma, run.cell.method) == (set_name, sigma, method.name)
        ]
        if runs and is_certifying(runs[0].cell, comparison):
            yield Curve(method.title, series, accuracy_over_radius(runs))


def accuracy_over_radius(runs: Sequence[CertifiedRun]) -> Points:
    """The share that is certified at each radius, from 0 on, exactly where it falls; the mean over the adaptations."""
    outcomes = [outcomes_of(run.rows) for run in runs]
    radii = {outcome.radius for found in outcomes for outcome in found if outcome.is_correct and outcome.radius}
    steps = [0.0, *sorted(radii)]
    shares = [sum(certified_accuracy(found, radius) for found in outcomes) / len(outcomes) for radius in steps]
    return (*zip(steps, shares, strict=True), (steps[-1], 0.0))


def envelopes(panels: Iterable[Sequence[Curve]]) -> Iterator[Curve]:
    """Of each method, the largest of its curves at every radius."""
    found: dict[int, list[Curve]] = {}
    for curves in panels:
        for curve in curves:
            found.setdefault(curve.series, []).append(curve)
    for series, curves in sorted(found.items()):
        yield Curve(curves[0].title, series, upper_envelope([curve.points for curve in curves]))


def upper_envelope(curves: Sequence[Points]) -> Points:
    """At each radius where one of them falls, the largest of all."""
    radii = sorted({x for points in curves for x, _ in points})
    values = [(radius, max(value_at(points, radius) for points in curves)) for radius in radii]
    return (*values, (radii[-1], 0.0)) if values[-1][1] else tuple(values)


def value_at(points: Points, radius: float) -> float:
    """Of a curve that falls behind each of its points."""
    return next((y for x, y in points if x >= radius), 0.0)


def beside_panels(figures: Sequence[RobustFigures], comparison: Comparison, set_name: str) -> tuple[BarPanel, ...]:
    """Certified, strong, paper and clean accuracy beside one another, a panel for each pair."""
    found = {(figure.method, figure.sigma, figure.eps): figure for figure in figures if figure.set == set_name}
    panels = []
    for pair in comparison.config.pairs:
        of_pair = [found.get((method.name, pair.sigma, pair.eps)) for method in comparison.methods]
        if any(of_pair):
            title = f"ε {pair.eps:g} (σ {pair.sigma:g})"
            panels.append(BarPanel(title, titles_of(comparison), tuple(bars_of(of_pair, comparison))))
    return tuple(panels)


def bars_of(figures: Sequence[RobustFigures | None], comparison: Comparison) -> Iterator[Bars]:
    yield Bars(
        "certified",
        tuple(found.certified_accuracy.mean if found and found.certified_accuracy else None for found in figures),
    )
    for mode in reversed([mode.value for mode in comparison.config.attack.modes]):
        values = [found.robust_accuracy.get(mode) if found else None for found in figures]
        yield Bars(f"robust, {mode}", tuple(value.mean if value else None for value in values))
    yield Bars("clean", tuple(found.clean_accuracy.mean if found else None for found in figures))


def titles_of(comparison: Comparison) -> tuple[str, ...]:
    return tuple(method.title for method in comparison.methods)


def acr_panel(figures: Sequence[CertifiedFigures], comparison: Comparison, set_name: str) -> BarPanel | None:
    """The average certified radius of every method at every noise; None where nothing is certified."""
    found = {(figure.method, figure.sigma): figure.acr for figure in figures if figure.set == set_name}
    bars = []
    for sigma in comparison.config.sigmas:
        values = [found.get((method.name, sigma)) for method in comparison.methods]
        bars.append(Bars(f"σ {sigma:g}", tuple(value.mean if value else None for value in values)))
    if not any(value is not None for bar in bars for value in bar.values):
        return None
    return BarPanel("average certified radius", titles_of(comparison), tuple(bars))


def spent(figures: Sequence[CertifiedFigures], comparison: Comparison, set_name: str) -> tuple[Spent, ...]:
    """The most voted class of every method at every noise against what it took."""
    places = {method.name: place for place, method in enumerate(comparison.methods)}
    return tuple(
        Spent(
            comparison.method(found.method).title,
            found.sigma,
            places[found.method],
            found.samples,
            found.seconds,
            found.clean_accuracy.mean,
        )
        for found in figures
        if found.set == set_name
    )
