"""Every path of the page, by clicking and typing and by keyboard alone, on a service with real models."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.types import Task
from tests.browser.accessibility import check_looks
from tests.browser.chromium import REFUSED, Watched
from tests.browser.conftest import Open
from tests.browser.steps import HORSE, add_labels, bring, give, go_to, press, set_samples, tab_to, write_labels

VIEWS = ("try", "see", "radius", "certificates", "tasks", "service")
DRAWN_ANEW = """(before) => document.querySelector("canvas[aria-label='With noise']").toDataURL() !== before"""
SAMPLES = 100
SIZES = (
    "Reference pictures of each word",
    "References to judge by",
    "Training steps of the denoiser",
    "Training steps of the classifier",
)
ADAPTING = 300_000
"""Milliseconds, at most: ten seconds on two idle cores."""
ASKING = ("/predict", "/certify")
MARKUP = "<img src=x onerror=caught=1>"
HOSTILE_LABELS = ("horse", MARKUP, "@ship {label}", """a "quoted" $HOME `id` it's \\""")
METHODS = {"predict", "certify", "preview", "plan", "verify", "adapt", "use_version", "delete_task", "job"}
TWICE = ("<b>x</b>", "<B>X</B>")
"""Labels that are one for the service."""
HOSTILE_FILE = """-F "$HOME" `id` ;type='a' <b onclick=caught>.png"""


@contextmanager
def certified(view: Open) -> Iterator[Watched]:
    """A page on which a certificate was made."""
    with view("try") as watched:
        page = watched.page
        set_samples(page, SAMPLES)
        page.get_by_role("button", name=re.compile("^Example: .*[Hh]orse")).click()
        page.get_by_role("button", name="Certify this answer").click()
        expect(page.get_by_text("No change smaller than")).to_be_visible()
        yield watched


def test_views_when_an_example_is_clicked(view: Open) -> None:
    """It is asked about at once; the answer has its votes, its certificate leads on, and no view keeps anybody out."""
    with certified(view) as watched:
        page = watched.page
        expect(page.locator(".verdict").first).to_have_text("horse")
        expect(page.get_by_role("list", name="Votes", exact=True).first.locator("li").first).to_contain_text("horse")
        expect(page.get_by_role("img", name=re.compile("^Radius 0[.]"))).to_be_visible()
        page.get_by_role("link", name="Open the certificate").click()
        expect(page.get_by_role("heading", name="Certificates")).to_be_focused()
        expect(page.get_by_role("heading", name="Certificate of robustness")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Which of these is it?")).to_be_visible()
        expect(page.locator(".verdict").first).to_have_text("horse")
        for name in VIEWS:
            go_to(page, name)
            page.wait_for_load_state("networkidle")
            check_looks(page, name)
        assert [path for path in watched.posted if path in ASKING] == ["/predict", "/certify"]


def test_views_when_only_the_keyboard_is_used(view: Open, tmp_path: Path) -> None:
    """From a picture and words to the certificate, printed, taken away and checked: nothing of it needs a mouse."""
    with view("try") as watched:
        page = watched.page
        page.evaluate("window.print = () => (window.printed = true)")
        # Asked for at the beginning: the browser's own window may open before it knows that a test answers it.
        files = iter((tmp_path / "certificate.json", HORSE))
        page.on("filechooser", lambda chooser: chooser.set_files(next(files)))
        tab_to(page, ".skip")
        ask_by_keyboard(page)
        look_by_keyboard(page)
        press(page, "nav a[href='#/certificates']", back=True)
        expect(page.get_by_role("heading", name="Certificates", level=1)).to_be_focused()
        press(page, ".row input[type=radio]", "ArrowRight")
        expect(page.get_by_label("With a radius")).to_be_checked()
        press(page, ".rows a")
        expect(page.get_by_role("heading", name="Certificate of robustness")).to_be_visible()
        press(page, ".sheet button.main")
        assert page.evaluate("window.printed") is True
        with page.expect_download() as downloading:
            press(page, ".sheet button:not(.main)")
        downloading.value.save_as(tmp_path / "certificate.json")
        press(page, ".sheet a[href='#/certificates/verify']")
        expect(page.get_by_role("heading", name="Certificates", level=1)).to_be_focused()
        for field in ("[accept*=json]", "[accept*=image]"):
            press(page, f"#verify input{field}")
            expect(page.locator(".given")).to_contain_text("certificate.json")
        expect(page.locator(".checks").get_by_text("image", exact=True)).to_be_visible()


def ask_by_keyboard(page: Page) -> None:
    press(page, ".example")
    expect(page.get_by_role("button", name="Remove horse")).to_be_visible()
    tab_to(page, ".chips input")
    page.keyboard.type("zebra,")
    expect(page.get_by_role("button", name="Remove zebra")).to_be_visible()
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Remove zebra")).to_be_hidden()
    press(page, ".question .options summary")
    tab_to(page, ".question .options input[inputmode=numeric]")
    page.keyboard.type(str(SAMPLES))
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_be_visible()
    press(page, ".answer .actions .main")
    expect(page.get_by_text("No change smaller than")).to_be_visible()


def look_by_keyboard(page: Page) -> None:
    press(page, ".answer a[href='#/radius']")
    expect(page.get_by_role("heading", name="What the radius means")).to_be_focused()
    press(page, ".controls input[type=radio]", "ArrowRight")
    expect(page.get_by_text("searched for in 10 steps")).to_be_visible()
    press(page, "nav a[href='#/see']", back=True)
    expect(page.get_by_role("heading", name="What the models see")).to_be_focused()
    press(page, "input[type=range]", "End")
    press(page, ".row > button")
    expect(page.locator(".seen-as")).to_have_count(3)
    expect(page.locator("figure.waiting")).to_have_count(0)


def test_try_when_a_picture_comes_in_another_way(view: Open) -> None:
    """A picture that is dropped, pasted or taken with the camera is shown, and asked about where words are there."""
    with view("try") as watched:
        page = watched.page
        add_labels(page, "horse", "ship")
        for way in ("drop", "paste", "camera"):
            bring(page, way)
            expect(page.locator(".file-name")).to_have_text(re.compile(f"^{way}"))
            expect(page.get_by_role("img", name="Your picture")).to_be_visible()
            expect(page.locator(".verdict")).to_be_visible()
        page.get_by_role("button", name="Take a picture").click()
        expect(page.get_by_role("button", name="Take it")).to_be_enabled()
        check_looks(page, "the camera")
        assert watched.posted == ["/predict"] * 3


def test_see_when_the_noise_is_changed(view: Open) -> None:
    """Four pictures stand side by side, each with what it is taken for; another sigma brings others."""
    with view("see") as watched:
        page = watched.page
        page.get_by_role("button", name=re.compile("^Example: .*[Hh]orse")).click()
        expect(page.get_by_role("img", name="Denoised")).to_be_visible()
        expect(page.locator(".seen-as")).to_have_count(3)
        before = shown(page, "With noise")
        slider = page.get_by_label("Noise (σ)")
        slider.focus()
        page.keyboard.press("End")
        expect(page.locator("figure.waiting")).to_have_count(0)
        page.wait_for_function(DRAWN_ANEW, arg=before)
        another = shown(page, "With noise")
        page.get_by_role("button", name="Another copy").click()
        page.wait_for_function(DRAWN_ANEW, arg=another)
        assert shown(page, "With noise") not in (before, another)
        assert set(watched.posted) == {"/preview"}


def shown(page: Page, label: str) -> str:
    drawn: str = page.get_by_role("img", name=label).evaluate("canvas => canvas.toDataURL()")
    return drawn


def test_radius_when_the_worst_direction_is_asked_for(view: Open) -> None:
    """The picture is changed by the radius at random and in the worst direction, enlarged as far as one likes."""
    with certified(view) as watched:
        page = watched.page
        page.get_by_role("link", name="What the radius means").last.click()
        expect(page.get_by_role("img", name="The change alone")).to_be_visible()
        expect(page.get_by_text("Your certificate has 0.")).to_be_visible()
        page.get_by_label("Worst found").check()
        expect(page.get_by_text("searched for in 10 steps")).to_be_visible()
        page.get_by_label("Shown larger").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("img", name="Changed, × 2")).to_be_visible()
        expect(page.get_by_role("img", name="What a larger radius costs")).to_be_visible()
        assert watched.posted.count("/preview") == 2
        assert [path for path in watched.posted if path in ASKING] == ["/predict", "/certify"]


def test_certificates_when_one_is_taken_away_and_checked(view: Open, tmp_path: Path) -> None:
    """Downloaded, it verifies with its picture; changed, it does not, and it is said why. It can be printed."""
    with certified(view) as watched:
        page = watched.page
        page.get_by_role("link", name="Open the certificate").click()
        expect(page.get_by_role("img", name="QR code of digest and key")).to_be_visible()
        check_looks(page, "a certificate")
        check_print(page)
        path = tmp_path / "certificate.json"
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download").click()
        downloading.value.save_as(path)
        page.get_by_role("link", name="All certificates").click()
        page.get_by_label("Choose a certificate").set_input_files(path)
        expect(page.get_by_text("It holds")).to_be_visible()
        page.get_by_label("Choose its picture").set_input_files(HORSE)
        expect(page.locator(".checks").get_by_text("image", exact=True)).to_be_visible()
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "radius": 3}))
        page.get_by_label("Choose a certificate").set_input_files(path)
        expect(page.get_by_text("It does not hold")).to_be_visible()
        expect(page.get_by_text(re.compile("certificates? (was|were) issued"))).to_be_visible()
        check_looks(page, "one that does not hold")
        assert watched.posted == ["/predict", "/certify"] + ["/certificates/verify"] * 3


def check_print(page: Page) -> None:
    """On paper stands the certificate and nothing to press, black on white whatever the screen has."""
    page.emulate_media(media="print", color_scheme="dark")
    for shown in ("Certificate of robustness", "What it says", "Digest and key"):
        expect(page.get_by_role("heading", name=shown)).to_be_visible()
    expect(page.locator(".statement")).to_be_visible()
    for hidden in ("header", "footer", "h1", "button", "summary"):
        expect(page.locator(hidden).locator("visible=true")).to_have_count(0)
    colours = "[document.body, document.querySelector('.statement')].map((one) => getComputedStyle(one))"
    assert page.evaluate(f"(() => {{ const [a, b] = {colours}; return [a.backgroundColor, b.color]; }})()") == [
        "rgb(255, 255, 255)",
        "rgb(0, 0, 0)",
    ]
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) <= 2
    page.emulate_media(media="screen", color_scheme="light")


def test_tasks_when_one_is_adapted_rolled_back_and_deleted(view: Open) -> None:
    """Words are kept, the models are adapted to them stage by stage; versions, references and figures are shown."""
    with view("tasks") as watched:
        page = watched.page
        keep(page, "beasts", "cat", "dog")
        adapt(page)
        page.get_by_role("link", name="Open “beasts”").click()
        expect(page.get_by_role("heading", name="Before and after")).to_be_visible()
        expect(page.locator(".gallery canvas").first).to_be_visible()
        check_looks(page, "a task")
        expect(version(page, 2).get_by_text("answers")).to_be_visible()
        version(page, 1).get_by_role("button", name="Let it answer").click()
        expect(version(page, 1).get_by_text("answers")).to_be_visible()
        page.get_by_role("button", name="Delete").click()
        check_looks(page, "to delete it")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("None yet.")).to_be_visible()
        assert watched.posted.count("/adapt") == 2
        assert [path.split("/")[1] for method, path in watched.sent if method == "DELETE"] == ["tasks"]


def version(page: Page, number: int) -> Locator:
    return page.locator(".version", has_text=f"Version {number}")


def keep(page: Page, name: str, *labels: str) -> None:
    """Words alone, under a name."""
    page.get_by_label("Name", exact=True).fill(name)
    write_labels(page, *labels)
    page.get_by_label("Keep the words only").check()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text("The words are kept.")).to_be_visible()


def adapt(page: Page) -> None:
    """As little of it as there can be."""
    page.get_by_label("Adapt the models").check()
    page.get_by_text("More settings").click()
    for field in SIZES:
        page.get_by_label(field).fill("1")
    page.get_by_role("button", name="Adapt", exact=True).click()
    expect(page.locator(".stages [aria-current]")).to_be_visible()
    expect(page.get_by_text(re.compile("^Done"))).to_be_visible(timeout=ADAPTING)


def test_views_when_every_text_is_hostile(view: Open, stack: Settings, tmp_path: Path) -> None:
    """They are read as they are on every view, and the commands and programs shown for what was done do it again."""
    with view("try", expected=[REFUSED]) as watched:
        page = watched.page
        ask(page)
        look(page)
        certificate = take_away_and_check(page, tmp_path / """it's "one".json""")
        keep_choose_and_delete(page, stack)
        codes = [*codes_of_service(page), certificate]
        assert page.evaluate("window.caught") is None
        assert page.locator("img[src=x], b[onclick], main script").count() == 0
    (tmp_path / HOSTILE_FILE).write_bytes(HORSE.read_bytes())
    run_commands([code.curl for code in codes], tmp_path)
    run_programs([code.python for code in codes], tmp_path)


def ask(page: Page) -> None:
    set_samples(page, SAMPLES // 2)  # Whether there is an answer does not matter here.
    write_labels(page, *HOSTILE_LABELS)
    give(page, HOSTILE_FILE)
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.locator(".file-name")).to_have_text(HOSTILE_FILE)
    expect_votes(page)
    page.get_by_role("button", name="Certify", exact=True).click()
    expect(page.get_by_role("link", name="Open the certificate")).to_be_visible()


def expect_votes(page: Page) -> None:
    for label in HOSTILE_LABELS:
        expect(page.locator(".bar-label").get_by_text(label, exact=True).first).to_be_visible()


def look(page: Page) -> None:
    go_to(page, "see")
    expect(page.locator(".seen-as")).to_have_count(3)
    expect(page.locator(".file-name")).to_have_text(HOSTILE_FILE)
    go_to(page, "radius")
    expect(page.locator(".seen-as")).to_have_count(2)
    expect(page.get_by_role("img", name="What a larger radius costs")).to_be_visible()


@dataclass(frozen=True)
class Code:
    """What the page shows of one request."""

    curl: str
    python: str


def code_of(folded: Locator) -> Code:
    folded.locator("summary").click()
    curl = folded.locator("pre").inner_text()
    folded.get_by_label("Python").check()
    return Code(curl, folded.locator("pre").inner_text())


def take_away_and_check(page: Page, path: Path) -> Code:
    """The code is that of taking it away."""
    go_to(page, "certificates")
    page.locator(".rows a").first.click()
    expect_votes(page)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").click()
    downloading.value.save_as(path)
    code = code_of(page.locator(".sheet .as-code"))
    page.get_by_role("link", name="Check a certificate").click()
    page.get_by_label("Choose a certificate").set_input_files(path)
    expect(page.get_by_text("It holds")).to_be_visible()
    page.get_by_label("Choose its picture").set_input_files(
        {"name": HOSTILE_FILE, "mimeType": "image/png", "buffer": HORSE.read_bytes()}
    )
    expect(page.locator(".checks").get_by_text("image", exact=True)).to_be_visible()
    expect(page.locator(".given li")).to_have_text([path.name, HOSTILE_FILE])
    return code


def keep_choose_and_delete(page: Page, stack: Settings) -> None:
    """A task of two versions; beside it stands one whose name was allowed once."""
    store = TaskStore(stack.state.tasks)
    old = store.publish(MARKUP, Task(("cat", "dog")), "an older release", 0.0)
    go_to(page, "tasks")
    page.get_by_label("Name", exact=True).fill("one")
    write_labels(page, *TWICE)
    page.get_by_label("Keep the words only").check()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(TWICE[0])
    keep(page, "one", *HOSTILE_LABELS)
    store.publish("one", Task(HOSTILE_LABELS), "another job", 0.0)
    page.get_by_role("link", name="Open “one”").click()
    page.get_by_role("button", name="Let it answer").click()
    expect(page.locator(".version", has_text="Version 1").get_by_text("answers")).to_be_visible()
    delete(page, "one")
    page.get_by_role("link", name=MARKUP).click()
    expect(page.get_by_role("heading", name=MARKUP)).to_be_visible()
    store.delete(old.id)


def delete(page: Page, name: str) -> None:
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"“{name}”")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Tasks", level=1)).to_be_visible()


def codes_of_service(page: Page) -> list[Code]:
    """Of all that was done, the first thing first."""
    go_to(page, "service")
    expect(page.get_by_text("worker is alive")).to_be_visible()
    codes = [code_of(folded) for folded in page.locator("main > section:last-child > details").all()]
    check_looks(page, "what was done")
    # What was refused would be refused again.
    return [code for code in codes[::-1] if TWICE[0] not in code.curl]


def run_commands(commands: list[str], folder: Path) -> None:
    """As they stand: curl is told elsewhere that an answer of 400 and above is a failure."""
    (folder / ".curlrc").write_text("silent\nfail-with-body\n")
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env={**os.environ, "HOME": str(folder)}, capture_output=True, text=True
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        if command.endswith("/predict"):
            assert json.loads(done.stdout)["params"]["labels"] == [*HOSTILE_LABELS]


def run_programs(programs: list[str], folder: Path) -> None:
    """One after the other."""
    program = "\n".join(programs)
    assert {*re.findall(r"client\.(\w+)\(", program)} == METHODS
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("valid=True") == 2
    assert "outcome='previewed'" in done.stdout
