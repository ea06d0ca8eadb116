"""What a task was adapted with, over real HTTP: reference images, pictures and the report."""

import io
import json
import os
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

FILES = {"references.png": b"contact sheet", "denoised.png": b"denoised sheet"}
ORIGIN = {
    "file": "pets.safetensors",
    "sha256": "0" * 64,
    "tensors": 2,
    "namings": ["kohya"],
    "scaling": "file",
    "ranks": [4, 4],
}
EVERYTHING = ("references", "references/0000-000.png", "references.png", "denoised.png", "report")


@pytest.fixture
def adapted(adapting_api: "Api") -> "Api":
    """Version 1 has its labels alone, version 2 is adapted and answers."""
    adapting_api.store_task("pets", job="one")
    adapting_api.store_task("pets", b"lora", job="two")
    return adapting_api


def test_references_when_they_are_listed(adapted: "Api") -> None:
    """Each says what it shows and how it was made, digit by digit, and where it is."""
    listed = adapted.client.get("/tasks/pets/references").json()
    assert listed == adapted.client.get("/tasks/PETS/references?version=2").json()
    assert listed["version"] == 2
    task_id = adapted.client.get("/tasks/pets").json()["id"]
    assert listed["references"][1] == {
        "label": "dog",
        "shot": 0,
        "seed": 2**63 - 1,
        "prompt": "This is a photo of a dog",
        "held_back": False,
        "image": f"/tasks/{task_id}/references/0001-000.png?version=2",
    }
    for index, reference in enumerate(listed["references"]):
        response = adapted.client.get(reference["image"])
        assert response.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(response.content)).getpixel((0, 0)) == (index, 0, 0)


def test_pictures_when_they_are_read(adapted: "Api") -> None:
    """The sheets and the report are served as they were stored."""
    for name, content in FILES.items():
        response = adapted.client.get(f"/tasks/pets/{name}")
        assert (response.status_code, response.content) == (200, content)
        assert response.headers["content-type"] == "image/png"
        assert response.headers["x-content-type-options"] == "nosniff"
    report = adapted.client.get("/tasks/pets/report")
    assert report.headers["content-type"] == "application/json"
    assert report.json()["no_worse"]


@pytest.mark.parametrize("name", EVERYTHING[1:])
def test_picture_when_the_client_has_it(adapted: "Api", name: str) -> None:
    """The ETag is the digest of the adaptation; who names it gets a 304, who names another gets the file."""
    client = adapted.client
    first = client.get(f"/tasks/pets/{name}")
    etag = first.headers["etag"]
    assert etag == f'"{client.get("/tasks/pets/versions").json()["versions"][1]["adaptation"]}"'
    assert first.headers["cache-control"] == "private, no-cache"
    for value in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = client.get(f"/tasks/pets/{name}", headers={"If-None-Match": value})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    for value in ('"other"', etag.strip('"'), ""):
        assert client.get(f"/tasks/pets/{name}", headers={"If-None-Match": value}).content == first.content
    adapted.store_task("pets", b"another", job="three")
    assert client.get(f"/tasks/pets/{name}", headers={"If-None-Match": etag}).status_code == 200
    assert client.get(f"/tasks/pets/{name}?version=2", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("name", EVERYTHING)
def test_picture_when_it_is_asked_for_with_head(adapted: "Api", name: str) -> None:
    """The status and the headers of GET, and no body."""
    same = {"X-Request-Id": "the-same"}
    head, get = (ask(f"/tasks/pets/{name}", headers=same) for ask in (adapted.client.head, adapted.client.get))
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


@pytest.mark.parametrize("name", EVERYTHING)
def test_picture_when_there_is_none(adapted: "Api", name: str) -> None:
    """A version of the labels alone says so; a version that is not there, or is no number, is another problem."""
    for query, status, slug in (
        ("?version=1", 404, "not-adapted"),
        ("?version=3", 404, "unknown-task"),
        ("?version=x", 422, "invalid-input"),
    ):
        response = adapted.client.get(f"/tasks/pets/{name}{query}")
        assert response.headers["content-type"] == "application/problem+json"
        assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")


@pytest.mark.parametrize(
    "file",
    [
        "0002-000.png",
        "manifest.json",
        "..",
        "%2e%2e",
        "..%2fmanifest.json",
        "%2e%2e%2fmanifest.json",
        "..%2f..%2f..%2fsecret",
        "..%5cmanifest.json",
        "0000-000.png%00",
        "0000-000.png%2f..%2f0000-000.png",
        "%2fetc%2fpasswd",
        "",
    ],
)
def test_reference_when_it_is_not_listed(adapted: "Api", file: str) -> None:
    """Only names of the list are served, whatever else lies on the disk."""
    (adapted.settings.state_dir / "secret").write_text("do not tell")
    url = adapted.client.base_url
    connection = HTTPConnection(url.host, url.port)  # A path that it is given is sent as it is.
    connection.request("GET", f"/tasks/pets/references/{file}")
    response = connection.getresponse()
    content = response.read()
    connection.close()
    assert response.status == 404
    assert b"do not tell" not in content
    assert response.headers["content-type"] == "application/problem+json"


def test_reference_when_its_file_is_gone(adapted: "Api") -> None:
    """A picture that was lost is a problem of its own; the others are served."""
    digest = adapted.client.get("/tasks/pets/versions").json()["versions"][1]["adaptation"]
    os.unlink(adapted.settings.state.adaptations / digest / "references" / "0000-000.png")
    response = adapted.client.get("/tasks/pets/references/0000-000.png")
    assert (response.status_code, response.json()["type"]) == (503, "/problems/task-lost")
    assert adapted.client.get("/tasks/pets/references/0001-000.png").status_code == 200


def test_adaptation_when_it_is_damaged(adapted: "Api") -> None:
    """What decides f and is not what it was is not shown, and no path is told."""
    digest = adapted.client.get("/tasks/pets").json()
    folders = list(adapted.settings.state.adaptations.glob("[!.]*"))
    (folders[0] / "lora.safetensors").write_bytes(b"other")
    response = adapted.client.get(f"/tasks/{digest['id']}/references.png")
    assert (response.status_code, response.json()["type"]) == (503, "/problems/task-lost")
    assert str(adapted.settings.state_dir) not in response.text


def test_adaptation_when_it_was_brought_from_elsewhere(adapted: "Api") -> None:
    """It has no pictures and no report, and nobody is told to adapt it again."""
    (folder,) = adapted.settings.state.adaptations.glob("[!.]*")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"references": [], "origin": ORIGIN}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for name in ("report.json", "references.png", "denoised.png"):
        (folder / name).unlink()

    for place in ("report", "references.png", "denoised.png"):
        response = adapted.client.get(f"/tasks/pets/{place}")
        assert (response.status_code, response.json()["type"]) == (404, "/problems/imported-adaptation")
    assert adapted.client.get("/tasks/pets/references").json()["references"] == []
