"""What the models see, over real HTTP and with a real worker."""

import base64
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from PIL import Image

from adapters.contract.preview import PreviewParameters, check_change
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from adapters.store.previews import KEPT

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

pytestmark = pytest.mark.slow
LABELS = ["left", "right"]
UNKNOWN_JOB, UNKNOWN_PICTURE = "/problems/unknown-job", "/problems/unknown-picture"


def preview(api: "Api", picture: bytes, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    data = {"labels": LABELS, **fields}
    patient = {"Prefer": "wait=60", **(headers or {})}
    return api.client.post("/preview", files={"image": picture}, data=data, headers=patient, timeout=90)


def made(api: "Api", picture: bytes, **fields: Any) -> dict[str, Any]:
    response = preview(api, picture, **fields)
    assert response.status_code == 200, response.text
    job: dict[str, Any] = response.json()
    assert job["status"] == "succeeded", job["error"]
    return job


def stored(api: "Api") -> list[Path]:
    return [path for path in api.settings.state.previews.rglob("*") if path.is_file()]


def levels_of(response: httpx.Response) -> np.ndarray:
    with Image.open(io.BytesIO(response.content)) as shown:
        return np.asarray(shown, dtype=np.float64)


def test_preview_when_it_is_made(working_api: "Api", picture: bytes) -> None:
    """The job has the pictures' places; each is a PNG that the client may keep, and the first is the picture itself."""
    job = made(working_api, picture, sigma="0.5", draw="3")
    assert (job["kind"], job["progress"]["done"], job["params"]["draw"]) == ("preview", 2, 3)
    assert (job["result"]["sigma"], job["result"]["change"]) == (0.5, None)
    pictures = {shown["name"]: shown for shown in job["result"]["pictures"]}
    assert list(pictures) == ["canonical", "noisy", "denoised"]
    for name, shown in pictures.items():
        response = working_api.client.get(shown["href"])
        assert shown["href"] == f"/jobs/{job['id']}/pictures/{name}"
        assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
        assert response.headers["cache-control"] == "private, max-age=86400, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(picture)) as original:
        shown = levels_of(working_api.client.get(pictures["canonical"]["href"]))
        assert np.array_equal(shown, np.asarray(original))
    assert working_api.client.get(f"/jobs/{job['id']}/pictures/difference").json()["type"] == UNKNOWN_PICTURE


def test_preview_when_it_comes_as_json(working_api: "Api", picture: bytes) -> None:
    """It is the same."""
    body = {"image": base64.b64encode(picture).decode(), "labels": LABELS, "radius": 0.4, "direction": "random"}
    response = working_api.client.post("/preview", json=body, headers={"Prefer": "wait=60"}, timeout=90)
    assert (response.status_code, response.json()["result"]["change"]["radius"]) == (200, 0.4)


@pytest.mark.parametrize("direction", ["random", "worst"])
def test_change_when_it_is_asked_for(working_api: "Api", picture: bytes, direction: str) -> None:
    """The difference has the length that was asked for, up to its rounding to grey levels."""
    job = made(working_api, picture, radius="0.75", direction=direction)
    change = job["result"]["change"]
    assert (change["radius"], change["direction"]) == (0.75, direction)
    response = working_api.client.get(f"/jobs/{job['id']}/pictures/difference")
    assert np.linalg.norm((levels_of(response) - 127.5) / change["scale"]) == pytest.approx(0.75, rel=0.01)
    # A detour: the event stream tells the places of the pictures too.
    done = working_api.client.get(f"/jobs/{job['id']}/events").text.rpartition("data: ")[2].partition("\n")[0]
    assert json.loads(done)["result"]["pictures"] == job["result"]["pictures"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"radius": "nan", "direction": "random"}, "radius"),
        ({"radius": "inf", "direction": "random"}, "radius"),
        ({"radius": "1e9", "direction": "random"}, "radius"),
        ({"radius": "-1", "direction": "worst"}, "radius"),
        ({"radius": "0", "direction": "worst"}, "radius"),
        ({"radius": "1", "direction": "sideways"}, "direction"),
        ({"radius": "1"}, "direction"),
        ({"direction": "random"}, "radius"),
        ({"draw": "-1"}, "draw"),
        ({"draw": "1000"}, "draw"),
        ({"draw": "0.5"}, "draw"),
        ({"sigma": "0"}, "sigma"),
        ({"n": "100"}, "n"),
        ({"alpha": "0.1"}, "alpha"),
        ({"noise": "lattice"}, "noise"),
        ({"labels": ["one", "two", "three"]}, "labels"),
    ],
)
def test_field_when_it_is_wrong(api: "Api", picture: bytes, fields: dict[str, Any], wrong: str) -> None:
    """It is refused by its name, before anything is stored."""
    before = (stored(api), api.board.queue_depths()["preview"])
    response = preview(api, picture, **fields)
    assert response.status_code == 422, response.text
    assert {problem["field"] for problem in response.json()["errors"]} == {wrong}
    assert (stored(api), api.board.queue_depths()["preview"]) == before


def test_worst_when_the_profile_has_no_gradients() -> None:
    """It is refused when it is asked for."""
    asked = PreviewParameters(labels=["cat", "dog"], radius=0.5, direction="worst")
    assert [problem.field for problem in check_change(asked, find_profile("mini-remote"))] == ["direction"]
    assert list(check_change(asked, find_profile("mini"))) == []


def test_picture_when_it_is_asked_for_by_others(working_api: "Api", picture: bytes) -> None:
    """Another key, a job that is none, or a name that is a path: there is no such thing, whatever is asked."""
    keys = ApiKeyStore(working_api.settings.state.api_keys)
    first, second = (
        {"Authorization": f"Bearer {keys.create(name, time.time()).token}"} for name in ("first", "second")
    )
    job = preview(working_api, picture, first).json()
    href = job["result"]["pictures"][0]["href"]
    assert working_api.client.get(href, headers=first).status_code == 200
    response = working_api.client.get(href, headers=second)
    assert (response.status_code, response.json()["type"]) == (404, UNKNOWN_JOB)
    for name in ("..%2fcanonical", "canonical.png", "%00", "CANONICAL", "a" * 5000):
        response = working_api.client.get(f"/jobs/{job['id']}/pictures/{name}", headers=first)
        assert response.status_code in (404, 414), name
    other = working_api.client.post("/predict", files={"image": picture}, data={"labels": LABELS}, headers=first)
    response = working_api.client.get(f"/jobs/{other.json()['id']}/pictures/canonical", headers=first)
    assert (response.status_code, response.json()["type"]) == (404, UNKNOWN_PICTURE)


@pytest.mark.parametrize("way", ["job", "image"])
def test_pictures_when_they_are_deleted(working_api: "Api", picture: bytes, way: str) -> None:
    """With the job, or with all about its image, they are gone from the service and from the disk."""
    job = made(working_api, picture)
    assert len(stored(working_api)) == 3
    path = f"/jobs/{job['id']}/data" if way == "job" else f"/images/{job['result']['input']['sha256']}"
    assert working_api.client.delete(path).status_code == 204
    for shown in job["result"]["pictures"]:
        assert working_api.client.get(shown["href"]).json()["type"] == UNKNOWN_JOB
    assert stored(working_api) == []


def test_disk_when_previews_never_end(working_api: "Api", picture: bytes) -> None:
    """200 of them leave the pictures of the latest; an earlier one says what became of its own."""
    jobs = [made(working_api, picture, draw=str(number))["id"] for number in range(200)]
    assert len(stored(working_api)) == 3 * KEPT
    gone, kept = (working_api.client.get(f"/jobs/{job}/pictures/noisy") for job in (jobs[0], jobs[-1]))
    assert (gone.status_code, gone.json()["type"], kept.status_code) == (404, UNKNOWN_PICTURE, 200)


def test_preview_when_a_certificate_runs(working_api: "Api", picture: bytes) -> None:
    """It does not wait for the certificate, nor the certificate for ever; and neither is the other's business."""
    headers = {"Prefer": "respond-async"}
    long = working_api.client.post(
        "/certify", files={"image": picture}, data={"labels": LABELS, "n": "15000"}, headers=headers
    ).json()
    job = made(working_api, picture, radius="0.5", direction="worst")
    certificate = working_api.client.get(f"/jobs/{long['id']}").json()
    assert job["status"] == "succeeded"
    assert not certificate["done"]
    done = working_api.client.get(f"/jobs/{long['id']}", headers={"Prefer": "wait=60"}, timeout=90).json()
    assert done["status"] == "succeeded"
    ledger = working_api.client.get("/ledger").json()
    assert (ledger["certificates"]["issued"], ledger["predictions"]["issued"]) == (1, 0)


def test_preview_when_it_is_canceled(start_api: Callable[..., "Api"], queue_settings: Settings, picture: bytes) -> None:
    """Nobody works on it: it ends at once, and has no pictures."""
    api = start_api(queue_settings)
    job = preview(api, picture, {"Prefer": "respond-async"}, radius="0.5", direction="worst").json()
    assert (job["status"], job["progress"]["total"]) == ("queued", 33)
    assert api.client.get(f"/jobs/{job['id']}").json()["progress"]["place"] == 1
    canceled = api.client.delete(job["links"]["cancel"]).json()
    assert (canceled["status"], canceled["result"]) == ("canceled", None)
    assert api.client.get(f"/jobs/{job['id']}/pictures/canonical").json()["type"] == UNKNOWN_PICTURE
