"""Tasks and the service by keyboard alone; the other views are in `test_page_paths.py`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from adapters.settings import Settings
from tests.browser.chromium import REFUSED
from tests.browser.conftest import OpenOf
from tests.browser.played_worker import latest
from tests.browser.steps import press, tab_to
from tests.integration.api.conftest import Api, running_api

NEW_TASK = "section[aria-label='A new task']"
CLIPBOARD = ["clipboard-read", "clipboard-write"]


def test_tasks_when_only_the_keyboard_is_used(view_of: OpenOf, settings: Settings) -> None:
    """Words are kept, a version is looked at and chosen, the task deleted, and what was done is copied as code."""
    with running_api(settings.model_copy(update={"profile": "mini"})) as api, opened(view_of, api) as page:
        api.store_task("birds", b"lora")
        birds = api.client.get("/tasks/birds").json()["id"]
        keep(page, api)
        press(page, ".rows a")
        expect(page.get_by_role("heading", name="birds")).to_be_visible()
        press(page, ".version .row-main")
        expect(page.locator(".version.chosen")).to_contain_text("Version 2")
        press(page, ".version > button:not(.quiet)")
        expect(page.locator(".version", has_text="Version 1").get_by_text("answers")).to_be_visible()
        press(page, "main .danger", back=True)
        expect(page.get_by_role("button", name="Keep it")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.locator("main .danger")).to_be_focused()
        page.keyboard.press("Enter")
        press(page, "dialog .danger")
        expect(page.get_by_text("None yet.")).to_be_visible()
        expect(page.get_by_role("heading", name="Tasks", level=1)).to_be_focused()
        assert api.client.get("/tasks").json() == {"tasks": []}
        copy_code(page)
        assert page.evaluate("navigator.clipboard.readText()").endswith(f'client.delete_task("{birds}")\n')


@contextmanager
def opened(view_of: OpenOf, api: Api) -> Iterator[Page]:
    """Where no worker lives, /readyz is a 503."""
    with view_of(api, "tasks", permissions=CLIPBOARD, expected=[REFUSED]) as watched:
        yield watched.page


def keep(page: Page, api: Api) -> None:
    """The same words under the same name: another version."""
    tab_to(page, f"{NEW_TASK} input[type=text]")
    page.keyboard.type("birds")
    tab_to(page, f"{NEW_TASK} .chips input")
    page.keyboard.type("cat,dog,")
    expect(page.get_by_role("button", name="Remove dog")).to_be_visible()
    press(page, f"{NEW_TASK} .choice input", "ArrowRight")
    page.keyboard.press("Enter")
    api.finish_adaptation(latest(api, "adapt"), None)
    expect(page.get_by_text("Done: the new version answers.")).to_be_visible()


def copy_code(page: Page) -> None:
    """What is shown of the latest request, as Python."""
    press(page, "nav a[href='#/service']", back=True)
    expect(page.get_by_text("workers are alive").or_(page.get_by_role("alert")).first).to_be_visible()
    press(page, ".panel:last-child > details > summary")
    press(page, "details[open] input[type=radio]", "ArrowRight")
    press(page, "details[open] button")
    expect(page.get_by_text("Copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r'^client\.delete_task\("[0-9a-f]{16}"\)$', copied, re.MULTILINE)
