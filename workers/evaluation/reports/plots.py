"""The plots of a report, drawn by matplotlib as SVG; the same figures give the same bytes. It is the extra `report`."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from workers.evaluation.reports.curves import BarPanel, Panel, Spent, acr_panel, beside_panels, radius_panels, spent
from workers.evaluation.reports.escaping import one_line
from workers.evaluation.reports.figures import CertifiedFigures
from workers.evaluation.reports.results import Results
from workers.evaluation.reports.robust_figures import RobustFigures
from workers.evaluation.reports.svg import INK, colour_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.2, 3.4
"""Of one panel, in inches."""
FULL = 1.03
"""Of an axis of shares: what is at 1 is seen whole."""
LONGEST = 24
"""Letters of a title."""
LEAST = 1e-4
"""Where a point stands that took nothing: the axis is logarithmic."""
LINES, MARKERS = ("-", "--", "-.", ":"), "osD^vPX*"
HOW_TO_GET = "Plots need matplotlib: install it (the extra report of the project), and run `robustify report` again."


@dataclass(frozen=True)
class Plot:
    """`svg` has stand-ins for its colours."""

    name: str
    title: str
    svg: str


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def plots_of(
    results: Results, certified: Sequence[CertifiedFigures], robust: Sequence[RobustFigures]
) -> Iterator[Plot]:
    """Those of every set, in the order of a page."""
    comparison = results.comparison
    for place, name in enumerate(comparison.set_names, start=1):
        if panels := radius_panels(results, name):
            yield Plot(
                f"certified-{place}", f"Certified accuracy over the radius on {name}", radius_plot(panels, place)
            )
        if beside := beside_panels(robust, comparison, name):
            yield Plot(f"beside-{place}", f"Empirical beside certified accuracy on {name}", bar_plot(beside, place))
        if (acr := acr_panel(certified, comparison, name)) is not None:
            yield Plot(f"acr-{place}", f"Average certified radius on {name}", bar_plot([acr], place, "radius"))
        if points := spent(certified, comparison, name):
            yield Plot(f"cost-{place}", f"Accuracy against samples and seconds on {name}", cost_plot(points, place))


def radius_plot(panels: Sequence[Panel], place: int) -> str:
    """Step curves, a panel for each noise and one for the envelope."""

    def draw(axes: Sequence["Axes"]) -> None:
        for ax, panel in zip(axes, panels, strict=True):
            for curve in panel.curves:
                xs, ys = zip(*curve.points, strict=True)
                colour, line = colour_of(curve.series), LINES[curve.series % len(LINES)]
                ax.step(xs, ys, where="pre", color=colour, linestyle=line, label=short(curve.title))
            label(ax, panel.title, "L2 radius", "certified accuracy")
            ax.set_ylim(0, FULL)
            ax.set_xlim(left=0)
        legend(axes[-1])

    return drawn(f"certified-{place}", len(panels), draw)


def bar_plot(panels: Sequence[BarPanel], place: int, unit: str = "accuracy") -> str:
    """A group of bars for each method."""

    def draw(axes: Sequence["Axes"]) -> None:
        for ax, panel in zip(axes, panels, strict=True):
            width = 0.8 / len(panel.bars)
            for number, bars in enumerate(panel.bars):
                places = [place + (number - (len(panel.bars) - 1) / 2) * width for place in range(len(bars.values))]
                heights = [0.0 if value is None else value for value in bars.values]
                ax.bar(places, heights, width, color=colour_of(number), label=bars.title)
            ax.set_xticks(
                range(len(panel.methods)), [*map(short, panel.methods)], rotation=35, ha="right", fontsize="small"
            )
            label(ax, panel.title, "", unit)
            if unit == "accuracy":
                ax.set_ylim(0, FULL)
        legend(axes[-1])

    methods = len(panels[0].methods)
    return drawn(f"bars-{place}-{unit}", len(panels), draw, wide=max(1.0, methods / 5))


def cost_plot(points: Sequence[Spent], place: int) -> str:
    """The most voted class against samples, and against seconds."""

    def draw(axes: Sequence["Axes"]) -> None:
        for ax, unit in zip(axes, ("samples of an image", "seconds of an image"), strict=True):
            for number, point in enumerate(points):
                x = point.samples if unit.startswith("samples") else point.seconds
                marker = MARKERS[number % len(MARKERS)]
                colour = colour_of(point.series)
                ax.plot(
                    [max(x, LEAST)],
                    [point.accuracy],
                    marker,
                    color=colour,
                    label=f"{short(point.title)}, σ {point.sigma:g}",
                )
            ax.set_xscale("log")
            # Its own labels are formulas, and no text of a plot is read as one.
            ax.xaxis.set_major_formatter("{x:g}")
            ax.xaxis.set_minor_formatter("")
            ax.set_ylim(0, FULL)
            label(ax, "", unit, "most voted class right")
        legend(axes[-1])

    return drawn(f"cost-{place}", 2, draw)


def short(title: str) -> str:
    """A title as long as a plot has room for: tables have it whole."""
    words = one_line(title)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def legend(ax: "Axes") -> None:
    """Beside the axes, where it covers nothing."""
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))


def label(ax: "Axes", title: str, x: str, y: str) -> None:
    ax.set_title(title, fontsize="medium")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def drawn(name: str, panels: int, draw: Callable[[Sequence["Axes"]], None], wide: float = 1.0) -> str:
    """The SVG of panels side by side. `name` keeps its ids apart from those of other plots."""
    with settings(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH * panels * wide, HEIGHT), layout="constrained")
        draw(figure.subplots(1, panels, squeeze=False)[0])
        return written(figure)


def written(figure: "Figure") -> str:
    """Without a date and a maker: nothing but what is drawn."""
    buffer = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return buffer.getvalue()


@contextmanager
def settings(name: str) -> Iterator[None]:
    """Text stays text, and no label is read as a formula; ids come from the name and what is drawn."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rc("text", color=INK, parse_math=False)
        matplotlib.rc("axes", edgecolor=INK, labelcolor=INK, unicode_minus=False)
        matplotlib.rc("xtick", color=INK)
        matplotlib.rc("ytick", color=INK)
        matplotlib.rc("svg", fonttype="none", hashsalt=name)
        yield
