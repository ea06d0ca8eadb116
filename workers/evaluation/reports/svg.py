"""SVG as matplotlib writes it, made part of a page: colours of the page's own, and nothing that points outside."""

import re

INK = "#010203"
"""Stands for the colour of text and axes while a plot is drawn."""
SERIES = tuple(f"#0102{10 + number:02x}" for number in range(8))
"""Stand for the colours of methods."""
LIGHT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#882255", "#555555")
DARK = ("#58b4f0", "#ff9a4d", "#3fd6a6", "#f0a3cb", "#f0d040", "#9fd8ff", "#ff8fb8", "#c0c0c0")
"""What they are on white and on black: those of Okabe and Ito (2008) and of Tol, which most people can tell apart."""
PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
ID = re.compile(r' id="([^"]*)"')
REFERENCE = re.compile(r'(?:href="#|url\(#)([^")]+)')


def colour_of(series: int) -> str:
    """Of a method while a plot is drawn; after eight they begin again, with other lines and markers."""
    return SERIES[series % len(SERIES)]


def inline(svg: str) -> str:
    """For a page: without a prologue, with its colours as variables, and with no id that nothing refers to."""
    found = without_unused_ids(PROLOGUE.sub("", svg)).replace(INK, "currentColor")
    for number, stand_in in enumerate(SERIES):
        found = found.replace(stand_in, f"var(--series-{number})")
    return found


def on_white(svg: str) -> str:
    """For a file of its own."""
    found = svg.replace(INK, "#222222")
    for stand_in, colour in zip(SERIES, LIGHT, strict=True):
        found = found.replace(stand_in, colour)
    return found


def without_unused_ids(svg: str) -> str:
    """Several plots on one page must not have the same id twice."""
    used = frozenset(REFERENCE.findall(svg))
    return ID.sub(lambda found: found[0] if found[1] in used else "", svg)


def variables(colours: tuple[str, ...]) -> str:
    """In CSS."""
    return " ".join(f"--series-{number}: {colour};" for number, colour in enumerate(colours))
