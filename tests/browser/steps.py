"""What people do on the page, step by step, with a mouse or with the keyboard alone."""

import re
from base64 import b64encode
from pathlib import Path

import pytest
from playwright.sync_api import JSHandle, Page

EXAMPLES = Path("service/page/static/examples")
HORSE = EXAMPLES / "horse.png"
MOST_STEPS = 80
"""From field to field, until somebody gives up."""
TRANSFER = """([base64, name]) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type: "image/png"}));
    return transfer;
}"""


def go_to(page: Page, view: str) -> None:
    page.goto(page.url.split("#")[0] + f"#/{view}")
    page.locator(f"nav a[href='#/{view.split('/')[0]}'][aria-current]").wait_for()


def give(page: Page, name: str = "horse.png", data: bytes | None = None) -> None:
    """A picture, by the button for files."""
    data = HORSE.read_bytes() if data is None else data
    page.get_by_label(re.compile("Choose a picture|Another picture|Bild wählen|Anderes Bild")).set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": data}
    )


def bring(page: Page, way: str) -> None:
    """A picture: dropped, pasted, or taken with the camera."""
    if way == "camera":
        page.get_by_role("button", name="Take a picture").click()
        page.get_by_role("button", name="Take it").click()
        return
    transfer = carried(page, HORSE.read_bytes(), f"{way}.png")
    if way == "drop":
        page.locator(".drop-picture").dispatch_event("drop", {"dataTransfer": transfer})
        return
    page.evaluate(
        "(data) => dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))", transfer
    )


def carried(page: Page, data: bytes, name: str) -> JSHandle:
    """A picture as a mouse or the clipboard carries it."""
    return page.evaluate_handle(TRANSFER, [b64encode(data).decode(), name])


def add_labels(page: Page, *labels: str) -> None:
    for label in labels:
        page.get_by_label("What could it be?").fill(label)
        page.get_by_label("What could it be?").press("Enter")


def write_labels(page: Page, *labels: str) -> None:
    """As a text, in which a comma alone parts them."""
    lines = page.get_by_label(re.compile("One word or phrase in each line|Ein Wort oder Ausdruck in jeder Zeile"))
    if lines.count() == 0:
        page.get_by_role("button", name=re.compile("Edit as text|Als Text bearbeiten")).click()
    lines.fill("\n".join(labels))


def set_samples(page: Page, number: int, target: str | None = None) -> None:
    """And the radius that is needed, if there is one."""
    page.get_by_text("More settings").click()
    page.get_by_label("Noisy copies, at most").fill(str(number))
    if target is not None:
        page.get_by_label("Radius that you need").fill(target)
    page.get_by_text("More settings").click()


def tab_to(page: Page, selector: str, back: bool = False) -> None:
    """Moves the focus from field to field until it is there."""
    for _ in range(MOST_STEPS):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached")


def press(page: Page, selector: str, key: str = "Enter", back: bool = False) -> None:
    """Goes there and presses a key."""
    tab_to(page, selector, back)
    page.keyboard.press(key)
