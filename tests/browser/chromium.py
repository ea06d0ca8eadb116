"""Debian's Chromium, driven by playwright; and a page of it, with whatever it complains of."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

NAMES = ("chromium", "chromium-browser")
PICTURE_OF_A_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PATIENCE = 120_000
"""Milliseconds: where other tests have the cores, models take their time."""
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation",
    (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`))"""
REFUSED = "Failed to load resource"
"""What Chromium says of each answer that is no success, and of each that does not come."""
OWN_SCHEMES = ("blob", "about")
"""Addresses that stand for what the page holds itself."""


def chromium() -> str | None:
    """Where it is; None where it is not installed."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """It has a camera that shows a moving pattern."""
    expect.set_options(timeout=PATIENCE)
    # Chromium's sandbox does not work as root, which is what a container is run as.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*sandbox, *PICTURE_OF_A_CAMERA])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page, what it sent, and what was wrong: errors, reports of the policy, requests to anywhere else."""

    page: Page
    origin: str
    expected: Sequence[str] = ()
    """Parts of complaints that the test itself brings about."""
    complaints: list[str] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)

    def watch(self) -> None:
        """Whatever page of its context says or asks: one that it opens belongs to it."""
        self.page.context.on("console", self._heard)
        self.page.context.on("weberror", lambda found: self.complaints.append(f"error: {found.error}"))
        self.page.context.on("request", self._sent)

    @property
    def posted(self) -> list[str]:
        """Where to, in order: each is a question, or work for the service."""
        return [path for method, path in self.sent if method == "POST"]

    def check(self) -> None:
        """Fails where the page complained of what was not expected."""
        unexpected = [text for text in self.complaints if not any(part in text for part in self.expected)]
        assert unexpected == [], unexpected

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def _sent(self, request: Request) -> None:
        address = urlsplit(request.url)
        self.sent.append((request.method, address.path))
        if address.scheme not in OWN_SCHEMES and f"{address.scheme}://{address.netloc}" != self.origin:
            self.complaints.append(f"elsewhere: {request.url}")


@contextmanager
def opened(
    browser: Browser,
    url: str,
    view: str = "",
    expected: Sequence[str] = (),
    **context: Any,  # Any: whatever playwright takes for a context.
) -> Iterator[Watched]:
    """The page in a context of its own; fails in the end where it complained."""
    with browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **context}) as opened:
        opened.set_default_timeout(PATIENCE)
        opened.add_init_script(REPORT_VIOLATIONS)
        watched = Watched(opened.new_page(), url.rstrip("/"), expected)
        watched.watch()
        watched.page.goto(f"{url}/{view and f'#/{view}'}")
        watched.page.wait_for_selector("main h1")
        yield watched
        watched.check()
