"""What is wrong with a page for people who cannot see it, or not well, or who look at it on a phone."""

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")
SHOWN = 300
WIDE, PHONE, HEIGHT = 1280, 360, 900
"""Pixels; few phones are so narrow."""
LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", PHONE), ("dark", PHONE), ("light", WIDE))
"""Schemes and widths; the last one is how a test opens the page."""


def check_looks(page: Page, name: str) -> None:
    """Fails where what is shown now has a grave fault for axe-core in any look, or is wider than a phone."""
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": HEIGHT})
        assert grave_faults(page) == [], (name, scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, scheme, width)


def grave_faults(page: Page) -> list[tuple[str, str]]:
    """Those that are serious or critical, each with the elements that have it."""
    violations = Axe().run(page).response["violations"]
    return [(fault["id"], elements(fault["nodes"])) for fault in violations if fault["impact"] in GRAVE]


def elements(nodes: list[dict[str, str]]) -> str:
    return " ".join(node["html"] for node in nodes)[:SHOWN]
