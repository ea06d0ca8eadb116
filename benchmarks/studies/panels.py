"""The dashboard as its JSON describes it, drawn by matplotlib in its own grid, so that the two cannot drift apart."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, MultipleLocator, NullLocator
from PIL import Image
from pydantic import BaseModel, Field

from benchmarks.studies.prometheus import Series

COLUMNS = 24
CELL_INCHES = (0.7, 0.38)
"""Width and height of one cell of the grid."""
MARGIN_INCHES = (0.55, 0.15, 0.3, 0.3)
"""Of a panel's curves in its cells: left, right, below, above."""
GAP_INCHES = 0.05
DOTS = 72
MOST_NAMES = 12
MINUTE, MOST_TIMES = 60, 6
PALETTE = 128
NAMED: Mapping[str, str] = {"green": "#56a64b", "yellow": "#d9a400", "red": "#e02f44"}
LEGEND = {"fontsize": 7.5, "loc": "upper left", "frameon": False, "ncols": 3, "columnspacing": 1.0, "handlelength": 1.2}
ROOM_FOR_LEGEND = 1.5
BACKGROUND, CARD, EDGE = "#f4f5f5", "white", "#d8d9da"


class Target(BaseModel):
    """One query of a panel."""

    expr: str
    name: str = Field(alias="legendFormat")


class Cell(BaseModel):
    """Where a panel is: cells of the grid."""

    x: int
    y: int
    w: int
    h: int


class Step(BaseModel):
    """From this value on, a number has this colour."""

    color: str
    value: float | None


class Thresholds(BaseModel):
    steps: Sequence[Step]


class Stacking(BaseModel):
    mode: Literal["none", "normal"] = "none"


class Scale(BaseModel):
    type: Literal["linear", "log"] = "linear"


class Custom(BaseModel):
    stacking: Stacking = Stacking()
    scale: Scale = Field(Scale(), alias="scaleDistribution")


class ValueText(BaseModel):
    text: str


class Mapped(BaseModel):
    options: Mapping[str, ValueText]


class Defaults(BaseModel):
    unit: str
    thresholds: Thresholds = Thresholds(steps=[Step(color="green", value=None)])
    custom: Custom = Custom()
    mappings: Sequence[Mapped] = ()


class FieldConfig(BaseModel):
    defaults: Defaults


class Panel(BaseModel):
    """A number or curves."""

    title: str
    type: Literal["stat", "timeseries"]
    cell: Cell = Field(alias="gridPos")
    targets: Sequence[Target]
    config: FieldConfig = Field(alias="fieldConfig")

    @property
    def defaults(self) -> Defaults:
        return self.config.defaults


class Dashboard(BaseModel):
    title: str
    panels: Sequence[Panel]


Ask = Callable[[str], Sequence[Series]]


def drawn(dashboard: Dashboard, ask: Ask, output: Path) -> None:
    """Writes the picture; `ask` answers the queries."""
    rows = max(panel.cell.y + panel.cell.h for panel in dashboard.panels)
    width, height = COLUMNS * CELL_INCHES[0], rows * CELL_INCHES[1]
    figure = plt.figure(figsize=(width, height), dpi=DOTS, facecolor=BACKGROUND)
    for panel in dashboard.panels:
        axes = placed(figure, panel, (width, height))
        draw_number(axes, panel, ask) if panel.type == "stat" else draw_curves(axes, panel, ask)
    save(figure, output)


def placed(figure: Figure, panel: Panel, size: tuple[float, float]) -> Axes:
    """A card in the cells of the panel with its title, and room on it to draw; sizes are in inches."""
    cell, (width, height), (wide, high) = panel.cell, CELL_INCHES, size
    x, y = cell.x * width + GAP_INCHES, high - (cell.y + cell.h) * height + GAP_INCHES
    w, h = cell.w * width - 2 * GAP_INCHES, cell.h * height - 2 * GAP_INCHES
    place, lengths = (x / wide, y / high), (w / wide, h / high)
    # Below the curves.
    figure.add_artist(
        Rectangle(place, *lengths, transform=figure.transFigure, facecolor=CARD, edgecolor=EDGE, zorder=-1)
    )
    figure.text((x + 0.08) / wide, (y + h - 0.08) / high, panel.title, fontsize=9, fontweight="bold", va="top")
    left, right, below, above = MARGIN_INCHES
    return figure.add_axes(
        ((x + left) / wide, (y + below) / high, (w - left - right) / wide, (h - below - above) / high)
    )


def draw_number(axes: Axes, panel: Panel, ask: Ask) -> None:
    """The last value, over its course."""
    axes.set_axis_off()
    series = [one for target in panel.targets for one in ask(target.expr)]
    value = series[0].values[-1][1] if series else float("nan")
    colour = colour_of(value, panel.defaults)
    if series:
        course = [y for _, y in series[0].values]
        low, high = min([0.0, *course]), max([1e-9, *course])
        axes.fill_between(range(len(course)), course, low, color=colour, alpha=0.15, linewidth=0)
        axes.set_ylim(low, high * 2.5)
    axes.text(0.5, 0.6, text_of(value, panel.defaults), color=colour, fontsize=22, ha="center", va="center",
              transform=axes.transAxes)  # fmt: skip


def draw_curves(axes: Axes, panel: Panel, ask: Ask) -> None:
    answers = [(named(target.name, one.metric), one) for target in panel.targets for one in ask(target.expr)]
    found = [(name, one) for name, one in answers if any(math.isfinite(value) for _, value in one.values)]
    if panel.defaults.custom.stacking.mode == "normal":
        draw_stacked(axes, found)
    else:
        for name, one in found:
            axes.plot(*with_gaps(one), linewidth=1.2, label=name)
    tidy(axes, panel.defaults)
    if not found:
        axes.text(0.5, 0.5, "nothing happened", color="0.5", ha="center", transform=axes.transAxes)
        axes.xaxis.set_major_locator(NullLocator())
    elif len(found) <= MOST_NAMES:
        axes.legend(**LEGEND)


def with_gaps(series: Series) -> tuple[list[float], list[float]]:
    """Times and values; where the query gave nothing for a while, the curve is broken."""
    steps = [later - at for (at, _), (later, _) in pairwise(series.values)]
    times, values = [series.values[0][0]], [series.values[0][1]]
    for step, (at, value) in zip(steps, series.values[1:], strict=True):
        if step > 1.5 * min(steps):
            times, values = [*times, at], [*values, math.nan]
        times, values = [*times, at], [*values, value]
    return times, values


def draw_stacked(axes: Axes, found: Sequence[tuple[str, Series]]) -> None:
    """On one axis of time, with nothing where a curve has no value."""
    times = sorted({at for _, one in found for at, _ in one.values})
    courses = [[dict(one.values).get(at, 0.0) for at in times] for _, one in found]
    if courses:
        axes.stackplot(times, courses, labels=[name for name, _ in found], alpha=0.75)


def tidy(axes: Axes, defaults: Defaults) -> None:
    unit, top = defaults.unit, axes.get_ylim()[1]
    if defaults.custom.scale.type == "log":
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** (ROOM_FOR_LEGEND - 1))
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0.0, max(top, 1.0 if unit == "short" else 1e-3) * ROOM_FOR_LEGEND)
        axes.yaxis.set_major_locator(steps_of(unit, axes.get_ylim()[1]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: measured(value, unit)))
    first, last = axes.get_xlim()
    axes.xaxis.set_major_locator(MultipleLocator(MINUTE * max(1, math.ceil((last - first) / MINUTE / MOST_TIMES))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: time_of_day(seconds)))
    axes.tick_params(labelsize=7.5, length=2)
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def steps_of(unit: str, top: float) -> Locator:
    """Round ones: of bytes powers of two."""
    if unit == "bytes":
        return MultipleLocator(2.0 ** math.ceil(math.log2(top / 4)))
    return MaxNLocator(4, integer=unit == "short")


def named(pattern: str, labels: Mapping[str, str]) -> str:
    """The name of a curve, as Grafana fills it in."""
    for label, value in labels.items():
        pattern = pattern.replace(f"{{{{{label}}}}}", value)
    return pattern


def colour_of(value: float, defaults: Defaults) -> str:
    reached = [step.color for step in defaults.thresholds.steps if step.value is None or value >= step.value]
    return NAMED.get(reached[-1], reached[-1])


def text_of(value: float, defaults: Defaults) -> str:
    """A number in words where the dashboard has some, else with its unit."""
    for mapped in defaults.mappings:
        if f"{value:g}" in mapped.options:
            return mapped.options[f"{value:g}"].text
    return measured(value, defaults.unit)


def measured(value: float, unit: str) -> str:
    match unit:
        case "bytes":
            return in_bytes(value)
        case "s":
            return (
                f"{value * 1000:g} ms" if 0 < value < 1 else (f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s")
            )
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "reqps":
            return f"{value:.3g} /s"
    return f"{value:,.4g}" if value < 10_000 else f"{value:,.0f}"


def in_bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


def time_of_day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M}"


def save(figure: Figure, output: Path) -> None:
    """In few colours, since it goes into the repository."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    output.parent.mkdir(parents=True, exist_ok=True)
    Image.open(buffer).convert("RGB").quantize(PALETTE).save(output, optimize=True)
