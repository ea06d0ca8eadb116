"""What is one's own, over real HTTP: jobs listed, jobs and images forgotten, what was used; and a disk without room."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from PIL import Image

from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

StartApi = Callable[..., "Api"]
LABELS = {"labels": ["own left", "own right"]}
"""Nobody else asks about these: a job of the same request that another test left under way would be shared."""


@pytest.fixture
def settings(api_queue: EmbeddedServer, tmp_path: Path) -> Settings:
    return Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, shard_samples=50)


@pytest.fixture
def own(settings: Settings, start_api: StartApi) -> "Api":
    """An API whose jobs are those of the test alone."""
    started = start_api(settings)
    while jobs := jobs_of(started):
        for job in jobs:
            started.client.delete(f"/jobs/{job['id']}/data")
    return started


def jobs_of(api: "Api", **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.client.get("/jobs", params={"limit": 100, **query}).json()["data"]
    return found


def picture_of(number: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.full((32, 32, 3), number, np.uint8)
    pixels[0, 0] = (7, 8, 9)  # No other test's picture: theirs may have other owners.
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def ask(api: "Api", number: int = 0, path: str = "/predict", **fields: Any) -> httpx.Response:
    headers = {"Prefer": "respond-async"}
    return api.client.post(path, files={"image": picture_of(number)}, data={**LABELS, **fields}, headers=headers)


def asked(api: "Api", *arguments: Any, **fields: Any) -> str:
    response = ask(api, *arguments, **fields)
    assert response.status_code == 202, response.text
    identifier: str = response.json()["id"]
    return identifier


def files(api: "Api", folder: str) -> list[Path]:
    found = (api.settings.state_dir / folder).rglob("*")
    return [path for path in found if path.is_file() and path.name != ".lock"]


def test_jobs_when_they_are_listed(own: "Api") -> None:
    """The latest first, with what became of each and where to read on; no votes, no parameters, no certificate."""
    done, waiting = asked(own), asked(own, 1, "/certify")
    own.run(done)
    page = own.client.get("/jobs").json()
    assert ([job["id"] for job in page["data"]], page["has_more"]) == ([waiting, done], False)
    assert (page["first_id"], page["last_id"]) == (waiting, done)
    first, last = page["data"]
    assert (first["status"], first["done"], first["outcome"], first["progress"]["done"]) == ("queued", False, None, 0)
    assert (last["status"], last["outcome"], last["kind"], last["error"]) == ("succeeded", "predicted", "predict", None)
    assert last["links"]["self"] == f"/jobs/{done}"
    assert not {"votes", "params", "result", "certificate"} & last.keys()


def test_jobs_when_there_are_more_than_a_page(own: "Api") -> None:
    """`last_id` leads on; kind and status choose."""
    ids = [asked(own, number) for number in range(3)] + [asked(own, 3, "/certify")]
    own.client.delete(f"/jobs/{ids[0]}")
    page = own.client.get("/jobs", params={"limit": 3}).json()
    rest = own.client.get("/jobs", params={"limit": 3, "after": page["last_id"]}).json()
    assert [job["id"] for job in page["data"] + rest["data"]] == ids[::-1]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert [job["id"] for job in jobs_of(own, kind="certify")] == [ids[3]]
    assert [job["id"] for job in jobs_of(own, status="canceled")] == [ids[0]]
    assert jobs_of(own, kind="adapt") == []
    own.run(ids[1])
    assert [job["id"] for job in jobs_of(own, outcome="predicted")] == [ids[1]]
    assert jobs_of(own, outcome="certified") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422),
        ("limit=101", 422),
        ("kind=x", 422),
        ("status=done", 422),
        ("limit=x", 422),
        ("outcome=x%20y", 422),
        ("outcome=", 422),
        ("outcome=%5B", 422),
    ]
    + [(f"after={after}", 404) for after in ("x" * 26, "..", "", "x" * 100, "%00", "a%20b")],
)
def test_jobs_when_the_query_is_wrong(own: "Api", query: str, status: int) -> None:
    """It is told so."""
    response = own.client.get(f"/jobs?{query}")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("is_done", [True, False])
def test_job_when_it_is_forgotten(own: "Api", is_done: bool) -> None:
    """It is unknown on every route from then on, its work is dropped, and the same question is a new job."""
    job = asked(own)
    if is_done:
        own.run(job)
    assert len(files(own, "outcomes")) == is_done
    response = own.client.delete(f"/jobs/{job}/data")
    assert (response.status_code, response.content) == (204, b"")
    for method, path in [("GET", ""), ("GET", "/events"), ("GET", "/certificate"), ("DELETE", ""), ("DELETE", "/data")]:
        answer = own.client.request(method, f"/jobs/{job}{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-job"), path
    assert (jobs_of(own), files(own, "outcomes"), own.board.is_live(job)) == ([], [], False)
    again = ask(own)
    assert (again.status_code, again.json()["id"] != job) == (202, True)


def test_image_when_it_is_forgotten(own: "Api") -> None:
    """All jobs about it are unknown, its outcomes and its tensor gone; what is about another image stays."""
    done, waiting, other = asked(own), asked(own, 0, "/certify"), asked(own, 1)
    own.run(done)
    image = own.record(done).vote_request.image.sha256
    assert len(files(own, "images")) == 2
    assert own.client.delete(f"/images/{image}").status_code == 204
    for job in (done, waiting):
        assert own.client.get(f"/jobs/{job}").status_code == 404
    assert [job["id"] for job in jobs_of(own)] == [other]
    assert (len(files(own, "images")), files(own, "outcomes")) == (1, [])
    answer = own.client.delete(f"/images/{image}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-image")
    assert own.client.get("/usage").json()["stored"]["images"] == 1


@pytest.mark.parametrize("name", ["0" * 64, "x", "0" * 63, "A" * 64, "%2e%2e", "0" * 65])
def test_image_when_there_is_none(own: "Api", name: str) -> None:
    """It is told so, whatever the name looks like."""
    answer = own.client.delete(f"/images/{name}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-image")


def test_usage_when_something_was_asked(own: "Api") -> None:
    """It says what was charged today, what waits, what is stored, and for how long."""
    before = own.client.get("/usage").json()
    asked(own, 7, n=1000)
    after = own.client.get("/usage", params={"days": 2}).json()
    assert after["days"][0]["samples"] - before["days"][0]["samples"] == 1000
    assert after["days"][0]["jobs"]["predict"] - before["days"][0]["jobs"].get("predict", 0) == 1
    assert after["waiting"]["predict"] - before["waiting"]["predict"] == 1
    assert (len(before["days"]), len(after["days"])) == (7, 2)
    stored = after["stored"]
    assert stored["bytes"] == stored["images"] * 3 * 32 * 32 * 4
    assert after["lifetimes"] == {"jobs": 86400, "images": 86400, "outcomes": 2592000}
    assert (after["id"], after["limits"]["samples_left_today"]) == ("", None)
    assert "admin" in after["scopes"]
    for days in (0, 32, "x"):
        assert own.client.get("/usage", params={"days": days}).status_code == 422


def test_submission_when_the_disk_has_no_room(own: "Api", settings: Settings, start_api: StartApi) -> None:
    """It is refused with the time to come again, before anything is read, decoded or stored; the rest goes on."""
    job = asked(own)
    full = start_api(settings.model_copy(update={"min_free_bytes": 1 << 60}))
    before = files(full, "images")
    broken = {"image": b"no picture at all"}
    for response in (
        ask(full, 1),
        ask(full, 1, "/certify"),
        full.client.post("/predict", files=broken, data=LABELS),
        full.client.post("/predict", content=b"", headers={"Content-Type": "text/plain"}),
        full.client.post("/adapt", json={"name": "pets", "labels": ["cat", "dog"], "steps": 0}),
    ):
        assert (response.status_code, response.json()["type"]) == (503, "/problems/store-full")
        assert int(response.headers["retry-after"]) > 0
    assert (files(full, "images"), len(jobs_of(full))) == (before, 1)
    assert full.client.get(f"/jobs/{job}").status_code == 200
    assert full.client.post("/plan", json={"target_radius": 0.25}).status_code == 200
    assert full.client.delete(f"/jobs/{job}").json()["status"] == "canceled"
    assert full.client.delete(f"/jobs/{job}/data").status_code == 204
    assert full.client.get("/readyz").status_code == 503


def test_strangers_when_anybody_may_ask(own: "Api", settings: Settings, start_api: StartApi) -> None:
    """They are all one, so that none may list, count or delete what others have; an id opens its job still."""
    anybody = start_api(settings.model_copy(update={"keyless": "anybody"}))
    job = asked(anybody)
    image = own.record(job).vote_request.image.sha256
    for method, path in (("GET", "/jobs"), ("GET", "/usage"), ("DELETE", f"/images/{image}")):
        response = anybody.client.request(method, path)
        assert (response.status_code, response.json()["type"]) == (401, "/problems/missing-key")
    assert anybody.client.get(f"/jobs/{job}").status_code == 200
    assert anybody.client.delete(f"/jobs/{job}/data").status_code == 204
