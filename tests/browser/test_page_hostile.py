"""The page among large numbers, refusals and keys, and with a service that goes away; tests play the worker."""

import io
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from adapters.contract.access import EVERY_SCOPE, Allowance
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from adapters.store.tensors import ImageStore
from service.app import create_app
from service.serving.run import server_of
from tests.browser.accessibility import check_looks
from tests.browser.chromium import REFUSED, opened
from tests.browser.conftest import OpenOf
from tests.browser.played_worker import PlayedWorker, latest
from tests.browser.steps import give, set_samples, write_labels
from tests.integration.api.conftest import Api, running_api
from tests.serving import in_a_thread
from workers.commands.demo import free_port

LABELS = ("left", "right")
LOST = (REFUSED, "net::")
AWAY = "The service does not answer."
MISDEEDS = """() => {
    fetch("https://example.org/").catch(() => {});
    document.body.append(Object.assign(document.createElement("script"), {textContent: "window.caught = 1"}));
    setTimeout(() => { window.thrown = true; throw new Error("lost"); });
}"""
PASTE = """(text) => {
    const data = new DataTransfer();
    data.setData("text", text);
    const paste = {clipboardData: data, bubbles: true, cancelable: true};
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", paste));
}"""


@contextmanager
def api_at(settings: Settings) -> Iterator[Api]:
    """An API on the port of the settings, so that another can take its place."""
    assert settings.redis_url is not None
    board = JobBoard(connect(settings.redis_url), settings)
    app = create_app(settings, board, ImageStore(settings.state.images))
    with (
        in_a_thread(server_of(app, settings), app) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield Api(client, board, settings, find_profile(settings.profile))


def picture_of(number: int) -> bytes:
    """A picture of one colour, and of no other number."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (number % 256, number // 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def test_watching_when_a_page_does_what_it_must_not(view_of: OpenOf, api: Api) -> None:
    """A request to elsewhere, a script in the markup, and an error that nobody caught: each fails its test."""
    with ExitStack() as opening:
        watched = opening.enter_context(view_of(api))
        watched.page.evaluate(MISDEEDS)
        watched.page.wait_for_function("window.thrown")
        with pytest.raises(AssertionError) as caught:
            opening.close()
    for complaint in ("CSP: connect-src https://example.org", "CSP: script-src-elem inline", "error: lost"):
        assert complaint in str(caught.value)


def test_page_when_a_request_is_refused(view_of: OpenOf, api: Api) -> None:
    """The service's own words are shown, and a picture that is none leaves the page as it was."""
    with view_of(api, expected=[REFUSED]) as watched:
        page = watched.page
        write_labels(page, *LABELS)
        give(page, "no-picture.png", b"nothing that is a picture")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("image")
        expect(alert.get_by_role("button", name="Try again")).to_be_visible()
        check_looks(page, "a refusal")
        give(page)
        PlayedWorker(api, latest(api)).end()
        expect(page.get_by_text("100 of at most 100 copies counted.")).to_be_visible()
        assert watched.posted == ["/predict"] * 2


def test_page_when_it_is_asked_twice(view_of: OpenOf, api: Api) -> None:
    """Who presses again while the answer is awaited gets it: the first question is ended before the second is sent."""
    with view_of(api) as watched:
        page = watched.page
        page.route("**/jobs/*", late)
        write_labels(page, *LABELS)
        with page.expect_response("**/predict"):
            give(page)
        first = latest(api)
        page.wait_for_timeout(200)  # Until the page has read which job it is.
        page.get_by_role("button", name="Which is it?").click()
        second = latest(api, before=first)
        assert api.client.get(f"/jobs/{first}").json()["status"] == "canceled"
        PlayedWorker(api, second).end()
        expect(page.get_by_text("100 of at most 100 copies counted.")).to_be_visible()


def late(route: Route) -> None:
    """What ends a job takes its time on the way."""
    if route.request.method == "DELETE":
        time.sleep(0.5)
    route.continue_()


def test_page_when_a_picture_is_too_large(view_of: OpenOf, api: Api, tmp_path: Path) -> None:
    """20 MB are refused before a byte is sent, with what is allowed."""
    with view_of(api) as watched:
        write_labels(watched.page, *LABELS)
        large = tmp_path / "large.png"
        with large.open("wb") as file:
            file.truncate(20 * 2**20)
        watched.page.get_by_label("Choose a picture").set_input_files(large)
        expect(watched.page.get_by_role("alert")).to_contain_text("10 MB at most")
        check_looks(watched.page, "too large")
        assert watched.posted == []


def test_page_when_a_thousand_labels_are_pasted(view_of: OpenOf, api: Api) -> None:
    """They are counted, can be gone through, removed and asked about; one too many is said."""
    with view_of(api) as watched:
        page = watched.page
        page.get_by_label("What could it be?").focus()
        page.evaluate(PASTE, "\n".join(f"word {number}" for number in range(1001)))
        expect(page.get_by_text("1,001 words")).to_be_visible()
        expect(page.get_by_text("At most 1,000 words can be asked about.")).to_be_visible()
        assert page.locator(".chip").count() < 100
        page.get_by_role("button", name="Remove word 0", exact=True).click()
        expect(page.get_by_text("1,000 words", exact=True)).to_be_visible()
        page.get_by_role("button", name="and 960 more").click()
        page.get_by_role("button", name="Remove word 1000", exact=True).click()
        expect(page.get_by_text("999 words")).to_be_visible()


def test_certificates_when_there_are_five_hundred(view_of: OpenOf, api: Api) -> None:
    """The latest are shown, and the others page by page, there and back, with the keyboard alone."""
    for hundred in range(5):
        files = [("images", (f"{number}.png", picture_of(100 * hundred + number))) for number in range(100)]
        fields = {"kind": "certify", "labels": [*LABELS], "n": "50", "n0": "50"}
        assert api.client.post("/batches", files=files, data=fields).status_code == 202
        for job in api.client.get("/jobs", params={"status": "queued", "limit": 100}).json()["data"]:
            api.run(job["id"])
    with view_of(api, "certificates") as watched:
        page = watched.page
        expect(page.locator(".rows li")).to_have_count(20)
        first = page.locator(".rows a").first.get_attribute("href")
        page.get_by_role("button", name="Older").focus()
        for number in range(2, 26):
            page.keyboard.press("Enter")
            expect(page.get_by_text(f"Page {number}", exact=True)).to_be_visible()
            expect(page.locator(".rows li")).to_have_count(20)
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Page 24", exact=True)).to_be_visible()
        assert page.locator(".rows a").first.get_attribute("href") != first


def test_page_when_a_key_is_needed(view_of: OpenOf, settings: Settings) -> None:
    """It is asked for, after a wrong one again, and goes into no address and no store that outlives the tab."""
    keys = settings.model_copy(update={"keyless": "nobody"})
    key = ApiKeyStore(settings.state.api_keys).create("browser", time.time(), EVERY_SCOPE, Allowance()).token
    with running_api(keys) as api, view_of(api, expected=[REFUSED]) as watched:
        page = watched.page
        expect(page.get_by_role("dialog")).to_be_visible()
        check_looks(page, "the key")
        give_key(page, "rk_wrong")
        expect(page.get_by_role("dialog")).to_contain_text("The key does not hold.")
        give_key(page, key)
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.get_by_role("link", name="Service").click()
        expect(page.get_by_text("With the key “browser”.")).to_be_visible()
        assert page.evaluate("[JSON.stringify(localStorage), document.cookie, location.href].join()").find("rk_") == -1
        assert page.evaluate("Object.values(sessionStorage)") == [key]
        assert not any("rk_" in path for _, path in watched.sent)


def give_key(page: Page, text: str) -> None:
    page.get_by_label("Key", exact=True).fill(text)
    page.keyboard.press("Enter")


def test_votes_when_looking_is_sound(view_of: OpenOf, api: Api) -> None:
    """Those of a prediction and of a certificate with a target are seen as they come; those of another at its end."""
    with view_of(api) as watched:
        page = watched.page
        live = page.get_by_role("list", name="Votes so far")
        set_samples(page, 400, target="0.2")
        write_labels(page, *LABELS)
        give(page)
        worker = PlayedWorker(api, latest(api))
        assert page.get_by_text("The votes are shown at the end").count() == 0
        for counted in (100, 200):
            worker.count(2)
            expect(live).to_contain_text(re.compile(f"left.*{counted}"))
        worker.end()
        expect(live).to_be_hidden()
        page.get_by_role("button", name="Certify", exact=True).click()
        worker = PlayedWorker(api, latest(api, "certify"))
        worker.count(4)
        expect(live).to_contain_text("left")
        worker.end()
        set_samples(page, 450, target="")
        page.get_by_role("button", name="Certify", exact=True).click()
        expect(page.get_by_text("The votes are shown at the end")).to_be_visible()
        worker = PlayedWorker(api, latest(api, "certify"))
        worker.count(6)
        expect(page.get_by_text("300 of 550 copies").first).to_be_visible()
        assert page.locator(".bars").count() == 1  # Of the prediction.
        worker.end()
        expect(page.get_by_text("450 of at most 450 copies counted.")).to_be_visible()


def test_page_when_the_service_goes_away_in_the_middle(view_of: OpenOf, settings: Settings) -> None:
    """The page says so and keeps what it has, and shows the answer once the service is back, without being asked."""
    settings = settings.model_copy(update={"port": free_port()})
    with ExitStack() as services:
        api = services.enter_context(api_at(settings))
        with view_of(api, expected=LOST) as watched:
            page = watched.page
            set_samples(page, 400)
            write_labels(page, *LABELS)
            give(page)
            worker = PlayedWorker(api, latest(api))
            worker.count(2)
            expect(page.get_by_text("100 of at most 400 copies counted.")).to_be_visible()
            services.close()
            expect(page.get_by_text(AWAY)).to_be_visible()
            check_looks(page, "away")
            worker.count(2)
            expect(page.get_by_text("100 of at most 400 copies counted.")).to_be_visible()
            with api_at(settings):
                expect(page.get_by_text("200 of at most 400 copies counted.")).to_be_visible()
                expect(page.get_by_text(AWAY)).to_be_hidden()
                worker.end()
                expect(page.get_by_text("400 of at most 400 copies counted.")).to_be_visible()
                assert watched.posted == ["/predict"]


def test_page_when_the_service_is_away_as_it_is_asked(view_of: OpenOf, settings: Settings) -> None:
    """In German: a refusal has the service's own words, and what was asked meanwhile is asked once, when it is back."""
    settings = settings.model_copy(update={"port": free_port()})
    with ExitStack() as services:
        api = services.enter_context(api_at(settings))
        with view_of(api, locale="de-DE", expected=LOST) as watched:
            page = watched.page
            expect(page.get_by_text("Es fehlt ein Bild.")).to_be_visible()
            write_labels(page, *LABELS)
            give(page, "leer.png", b"")
            expect(page.get_by_role("alert")).to_have_text("leer.png ist leer: Wählen Sie eine andere Datei.")
            give(page, "kein-bild.png", b"nothing that is a picture")
            alert = page.get_by_role("alert")
            expect(alert).to_contain_text("Das ging nicht.")
            expect(alert.locator("[lang=en]")).to_contain_text("image")
            expect(alert.get_by_role("button", name="Noch einmal")).to_be_visible()
            check_looks(page, "a refusal in German")
            services.close()
            give(page)
            expect(page.get_by_text("Der Dienst antwortet nicht.")).to_be_visible()
            with api_at(settings) as again:
                PlayedWorker(again, latest(again)).end()
                expect(page.get_by_text("100 von höchstens 100 Kopien gezählt.")).to_be_visible()
                expect(page.get_by_text("Der Dienst antwortet nicht.")).to_be_hidden()
                assert len(again.client.get("/jobs").json()["data"]) == 1


def test_page_when_its_reader_speaks_german(browser: Browser, api: Api) -> None:
    """The browser's language is the page's, and the choice of another holds when the page is opened again."""
    with opened(browser, str(api.client.base_url).rstrip("/"), "try", locale="de-DE") as watched:
        page = watched.page
        expect(page.get_by_role("heading", name="Was davon ist es?")).to_be_visible()
        assert page.locator("html").get_attribute("lang") == "de"
        page.get_by_label("Sprache").select_option("en")
        expect(page.get_by_role("heading", name="Which of these is it?")).to_be_visible()
        page.wait_for_load_state("networkidle")  # What a reload cuts short is an error on the console.
        page.reload()
        expect(page.get_by_role("heading", name="Which of these is it?")).to_be_visible()
