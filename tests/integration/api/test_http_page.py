"""The files of the page and the examples, over real HTTP: for everybody, as they are, and nothing else."""

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from service.page.files import page_files

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


def test_page_when_a_browser_opens_it(api: "Api") -> None:
    """It is HTML that may load from here alone, and stand in nobody's frame."""
    response = api.client.get("/")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert response.headers["content-security-policy"] == POLICY
    for name, value in {
        "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-cache",
        "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    }.items():  # fmt: skip
        assert response.headers[name] == value
    assert b"<script>" not in response.content
    assert b"style=" not in response.content


def test_files_when_they_are_loaded(api: "Api") -> None:
    """Each is served as it is and as what it is, once: who has it is told so."""
    kinds = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".png": "image/png"}
    for name, path in page_files().items():
        response = api.client.get(f"/page/{name}")
        etag = f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"'
        assert (response.status_code, response.content, response.headers["etag"]) == (200, path.read_bytes(), etag)
        assert response.headers["content-type"] == kinds.get(path.suffix, response.headers["content-type"])
        again = api.client.get(f"/page/{name}", headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    ["../files.py", "..%2ffiles.py", "%2e%2e/routes.py", "examples", "examples/", "", "/etc/passwd", "%00", "a" * 3000,
     "examples/../index.html", "index.html/", "INDEX.HTML", "..\\files.py", "%5c..%5cfiles.py", "__init__.py"],
)  # fmt: skip
def test_file_when_it_is_none_of_the_page(api: "Api", name: str) -> None:
    """There is no such page, whatever it is called."""
    # A client of the tests would tidy the path up.
    response = api.client.send(
        api.client.build_request("GET", "/page/x", extensions={"target": f"/page/{name}".encode()})
    )
    assert response.status_code in (400, 404), name
    assert response.headers["content-type"] == "application/problem+json"


def test_page_when_it_is_asked_for_otherwise(api: "Api") -> None:
    """Only read: HEAD has no body, and anything else is a problem document."""
    assert api.client.head("/").content == b""
    for path in ("/", "/page/index.html"):
        response = api.client.post(path)
        assert (response.status_code, response.headers["content-type"]) == (405, "application/problem+json")


def test_page_when_keys_are_needed(
    api_queue: EmbeddedServer, tmp_path: Path, start_api: Callable[[Settings], "Api"]
) -> None:
    """It is for everybody, and what it asks for is not; a key that does not hold is told so."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, keyless="nobody")
    key = ApiKeyStore(settings.state.api_keys).create("somebody", time.time())
    api = start_api(settings)
    for path in ("/", "/page/events.js", "/examples", "/page/examples/horse.png"):
        assert api.client.get(path).status_code == 200, path
    assert api.client.get("/models").status_code == 401
    assert api.client.get("/models", headers={"Authorization": f"Bearer {key.token}"}).status_code == 200


def test_page_when_it_is_shown_under_a_path(
    api_queue: EmbeddedServer, tmp_path: Path, start_api: Callable[[Settings], "Api"]
) -> None:
    """Its own addresses are relative, and those in answers have the path."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, root_path="/robust")
    api = start_api(settings)
    page = api.client.get("/robust/")
    assert page.status_code == 200
    assert 'src="/' not in page.text
    assert 'href="/' not in page.text
    hrefs = [example["href"] for example in api.client.get("/robust/examples").json()["data"]]
    assert all(href.startswith("/robust/page/examples/") for href in hrefs)
    assert all(api.client.get(href).status_code == 200 for href in hrefs)


def test_page_when_it_asks_for_something(api: "Api", picture: bytes) -> None:
    """A fetch of its own may change things; one of another page may not."""
    origin = str(api.client.base_url).rstrip("/")
    for headers, status in (
        ({"Origin": origin, "Sec-Fetch-Site": "same-origin"}, 202),
        ({"Origin": "https://example.org", "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        response = api.client.post(
            "/preview", files={"image": picture}, data={"labels": ["page left", "page right"]},
            headers={**headers, "Prefer": "respond-async"},
        )  # fmt: skip
        assert response.status_code == status


def test_examples_when_they_are_listed(api: "Api") -> None:
    """Each is a picture of the size that it says, with its labels, where it is from and what may be done with it."""
    listed = api.client.get("/examples").json()
    assert listed["max_upload_bytes"] == api.settings.max_upload_bytes
    assert len(listed["data"]) >= 5
    for example in listed["data"]:
        response = api.client.get(example["href"])
        with Image.open(io.BytesIO(response.content)) as shown:
            assert shown.size == (example["width"], example["height"])
        assert example["name"] in example["labels"]
        assert example["source"]
        assert example["licence"]
