"""Pictures of every view for the docs, in light, dark and on a phone: `python -m tests.browser.screenshots`.

Starts the service with the bundled models, asks, certifies and adapts on the page, and looks at each view. Takes about
two minutes on two cores; needs Debian's chromium.
"""

import io
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from adapters.settings import Settings
from tests.browser.chromium import chromium, opened, running_browser
from tests.running_instance import running
from workers.commands.demo import free_port

PICTURES = Path(__file__).parents[2] / "docs" / "pictures" / "page"
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
LOOKS = {"light": ("light", WIDE), "dark": ("dark", WIDE), "phone": ("light", PHONE)}
VIEWS = ("try", "see", "radius", "certificates", "tasks", "service")
SAMPLES = "300"
LITTLE = {
    "Reference pictures of each word": "2",
    "References to judge by": "1",
    "Training steps of the denoiser": "10",
    "Training steps of the classifier": "5",
}
"""What an adaptation is given, so that it ends soon."""
MOST_HEIGHT = 1500
COLOURS = 128
PATIENCE = 900_000
"""Milliseconds."""


def main() -> None:
    if chromium() is None:
        sys.exit("There is no Chromium: apt-get install chromium.")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running_browser() as browser, running_service() as url:
        prepare(browser, url)
        for look in LOOKS:
            photograph(browser, url, look)


@contextmanager
def running_service() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            profile="mini",
            state_dir=Path(folder),
            port=free_port(),
            redis_url=None,
            noise_key=None,
            log_level="WARNING",
        )
        with running(settings):
            yield f"http://{settings.host}:{settings.port}"


def prepare(browser: Browser, url: str) -> None:
    """A task with two versions, the second of which was adapted."""
    with opened(browser, url, "tasks") as watched:
        page = watched.page
        page.set_default_timeout(PATIENCE)
        page.get_by_label("Name", exact=True).fill("farm animals")
        page.get_by_role("button", name="Edit as text").click()
        page.get_by_label("One word or phrase in each line").fill("horse\ncat")
        page.get_by_label("Keep the words only").check()
        page.get_by_role("button", name="Keep", exact=True).click()
        page.get_by_text("The words are kept.").wait_for()
        page.get_by_label("Adapt the models").check()
        page.get_by_text("More settings").click()
        for field, value in LITTLE.items():
            page.get_by_label(field).fill(value)
        page.get_by_role("button", name="Adapt", exact=True).click()
        page.get_by_text(re.compile("^Done")).wait_for()


def photograph(browser: Browser, url: str, look: str) -> None:
    """All views, after the same few clicks."""
    scheme, size = LOOKS[look]
    with opened(browser, url, "try", color_scheme=scheme, viewport=size, reduced_motion="reduce") as watched:
        page = watched.page
        page.set_default_timeout(PATIENCE)
        ask(page)
        for view in VIEWS:
            page.goto(f"{url}/#/{view}")
            wait_for(page, view)
            if view == "tasks":
                page.get_by_role("link", name=re.compile("farm animals")).click()
                page.locator(".gallery canvas").first.wait_for()
            save(page, f"{view}-{look}")
        page.goto(f"{url}/#/certificates")
        page.locator(".rows a").first.click()
        page.get_by_role("img", name="QR code of digest and key").wait_for()
        save(page, f"certificate-{look}")
        if look == "light":
            page.emulate_media(media="print")
            save(page, "certificate-paper")


def ask(page: Page) -> None:
    page.get_by_text("More settings").click()
    page.get_by_label("Noisy copies, at most").fill(SAMPLES)
    page.get_by_text("More settings").click()
    page.get_by_role("button", name=re.compile("Example: .*[Hh]orse")).click()
    page.get_by_role("button", name="Certify this answer").click()
    page.get_by_text("No change smaller than").wait_for()


def wait_for(page: Page, view: str) -> None:
    """Until the view has what it asks the service for."""
    names = {"see": "Denoised", "radius": "The change alone"}
    if view in names:
        page.get_by_role("img", name=names[view]).wait_for()
    if view == "radius":
        page.get_by_role("img", name="What a larger radius costs").wait_for()
    if view == "certificates":
        page.locator(".rows a").first.wait_for()
        page.get_by_text("predictions were given").or_(page.get_by_text("prediction was given")).wait_for()
    if view == "service":
        page.locator(".figure-big").wait_for()
        page.get_by_text("stored for you").wait_for()
    page.wait_for_load_state("networkidle")


def save(page: Page, name: str) -> None:
    """A PNG of few colours, which are enough for a page, cut where it is too long to look at."""
    page.mouse.move(0, 0)  # Nothing is pointed at.
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))
    cut = picture.crop((0, 0, picture.width, min(picture.height, MOST_HEIGHT))).convert("RGB")
    cut.quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
