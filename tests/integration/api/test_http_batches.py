"""Batches over real HTTP: many images, one thing to follow."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest
from PIL import Image

from adapters.contract.access import EVERY_SCOPE, Allowance, Scope
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from tests.integration.api.conftest import Api

StartApi = Callable[[Settings], Api]
LABELS = ["left", "right"]


def picture_of(grey: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (32, 32), (grey, grey, grey)).save(buffer, "PNG")
    return buffer.getvalue()


def send(api: Api, *images: tuple[str, bytes], headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    """As a form."""
    files = [("images", image) for image in images]
    return api.client.post(
        "/batches", files=files, data={"kind": "predict", "labels": LABELS, **fields}, headers=headers
    )


def send_json(api: Api, images: object, **fields: Any) -> httpx.Response:
    return api.client.post("/batches", json={"kind": "predict", "labels": LABELS, "images": images, **fields})


def lines_of(api: Api, batch: dict[str, Any], headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    response = api.client.get(batch["links"]["results"], headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.fixture
def alone(start_api: StartApi, api_queue: Any, tmp_path: Path) -> Api:
    """An API whose keys no other test has; no worker lives."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, keyless="nobody")
    return start_api(settings)


def key_of(api: Api, *scopes: Scope, **allowance: int) -> dict[str, str]:
    store = ApiKeyStore(api.settings.state.api_keys)
    token = store.create("test", time(), frozenset(scopes or EVERY_SCOPE), Allowance(**allowance)).token
    return {"Authorization": f"Bearer {token}"}


class TestWhole:
    def test_batch_when_its_jobs_are_done(self, api: Api) -> None:
        """Its images are jobs; its results stand in their order, each with its file's name and digest."""
        response = send(api, ("a.png", picture_of(1)), ("b.png", picture_of(2)))
        assert response.status_code == 202
        batch = response.json()
        assert response.headers["location"] == batch["links"]["self"] == f"/batches/{batch['id']}"
        assert (batch["status"], batch["done"], batch["ended_at"]) == ("queued", False, None)
        assert batch["progress"] == {"done": 0, "total": 2, "unit": "images"}
        first, second = lines_of(api, batch)
        assert (first["index"], first["name"], first["status"]) == (0, "a.png", "queued")
        assert "result" not in first
        api.run(first["job"])
        assert api.client.get(batch["links"]["self"]).json()["status"] == "running"
        api.run(second["job"])
        done = api.client.get(batch["links"]["self"]).json()
        assert (done["status"], done["counts"], done["refused"]) == ("done", {"succeeded": 2}, 0)
        assert done["ended_at"] is not None
        first, _ = lines_of(api, batch)
        assert first["result"] == api.client.get(f"/jobs/{first['job']}").json()["result"]
        assert first["result"]["input"]["source_sha256"] == first["sha256"]

    def test_batch_when_it_is_json(self, api: Api) -> None:
        """Images are texts in base64, with a name or without."""
        text = base64.b64encode(picture_of(3)).decode()
        response = send_json(api, [text, {"name": "b.png", "image": text}], n=50)
        assert response.status_code == 202
        first, second = lines_of(api, response.json())
        assert (first["name"], second["name"]) == (None, "b.png")
        # The same image is one job.
        assert first["job"] == second["job"]

    def test_batch_when_it_certifies(self, api: Api) -> None:
        """It takes the fields of that kind."""
        response = send(api, ("a.png", picture_of(4)), kind="certify", n="1000", n0="50")
        assert (response.status_code, response.json()["kind"]) == (202, "certify")
        (line,) = lines_of(api, response.json())
        assert api.client.get(f"/jobs/{line['job']}").json()["params"]["n0"] == 50

    def test_batch_when_it_is_canceled(self, api: Api) -> None:
        """All of its jobs are, that are not done."""
        batch = send(api, ("a.png", picture_of(5)), ("b.png", picture_of(6))).json()
        first, second = lines_of(api, batch)
        api.run(first["job"])
        canceled = api.client.delete(batch["links"]["cancel"]).json()
        assert (canceled["status"], canceled["counts"]) == ("done", {"succeeded": 1, "canceled": 1})
        assert api.client.get(f"/jobs/{second['job']}").json()["status"] == "canceled"

    def test_batch_when_it_has_the_most_images(self, api: Api) -> None:
        """Two hundred are taken, and one more is refused."""
        images = [(f"{number}.png", picture_of(number)) for number in range(200)]
        batch = send(api, *images, n="40").json()
        assert batch["progress"]["total"] == 200
        lines = lines_of(api, batch)
        assert [(line["name"], line["sha256"]) for line in lines] == [
            (name, sha256(image).hexdigest()) for name, image in images
        ]
        assert send(api, *images, ("more.png", picture_of(1))).status_code in (400, 422)
        api.client.delete(batch["links"]["cancel"])

    def test_batch_when_no_file_is_left_behind(self, api: Api) -> None:
        """What was spooled has no name, and goes with the request."""
        send(api, ("a.png", picture_of(7)))
        assert list(api.settings.state.uploads.iterdir()) == []


class TestBroken:
    def test_image_when_it_is_broken(self, api: Api) -> None:
        """Its line says why, and the others go on."""
        broken = [("text.png", b"no image"), ("empty.png", b""), ("cut.png", picture_of(8)[:60])]
        batch = send(api, *broken, ("whole.png", picture_of(8))).json()
        assert (batch["refused"], batch["progress"]) == (3, {"done": 3, "total": 4, "unit": "images"})
        *refused, whole = lines_of(api, batch)
        assert [line["status"] for line in refused] == ["refused"] * 3
        kinds = [line["error"]["type"] for line in refused]
        assert kinds == ["/problems/unsupported-image", "/problems/invalid-input", "/problems/unreadable-image"]
        assert all(line["job"] is None and line["error"]["detail"] for line in refused)
        assert whole["status"] == "queued"

    def test_image_when_it_is_too_large(self, start_api: StartApi, api_queue: Any, tmp_path: Path) -> None:
        """Likewise; a body that is too large is refused as a whole."""
        settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url)
        small = start_api(settings.model_copy(update={"max_upload_bytes": 2000, "max_batch_bytes": 4000}))
        batch = send(small, ("large.png", bytes(2001)), ("small.png", picture_of(9))).json()
        assert [line["status"] for line in lines_of(small, batch)] == ["refused", "queued"]
        assert lines_of(small, batch)[0]["error"]["type"] == "/problems/too-large"
        response = send(small, ("large.png", bytes(2 << 20)))
        assert (response.status_code, response.json()["type"]) == (413, "/problems/too-large")

    def test_base64_when_it_is_none(self, api: Api) -> None:
        """It is a line like others."""
        batch = send_json(api, ["!", base64.b64encode(picture_of(10)).decode()]).json()
        assert [line["status"] for line in lines_of(api, batch)] == ["refused", "queued"]

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"kind": "adapt"}, {"kind"}),
            ({"kind": None}, {"kind"}),
            ({"images": []}, {"images"}),
            ({"images": "text"}, {"images"}),
            ({"images": [1]}, {"images"}),
            ({"images": [{"image": "", "more": 1}]}, {"images"}),
            ({"images": [""] * 201}, {"images"}),
            ({"labels": ["one"]}, {"labels"}),
            ({"n0": 5}, {"n0"}),
            ({"webhook": "http://127.0.0.1/"}, {"webhook"}),
            ({"n": 0, "webhook": 5}, {"n", "webhook"}),
        ],
    )
    def test_fields_when_they_are_wrong(self, api: Api, fields: dict[str, Any], wrong: set[str]) -> None:
        """The batch is refused as a whole, with all that is wrong, before an image is looked at."""
        response = send_json(api, **{"images": ["!"], **fields})
        assert response.status_code == 422
        assert {problem["field"] for problem in response.json()["errors"]} == wrong

    def test_form_when_its_images_are_none(self, api: Api) -> None:
        """Text, files of another name and none at all are told apart."""
        for data, files in (
            ({"images": "text"}, [("other", ("a.png", b"x"))]),
            ({"images": "text"}, [("images", ("a.png", b"x"))]),
            ({}, [("image", ("a.png", b"x"))]),
        ):
            response = api.client.post("/batches", data={"kind": "predict", "labels": LABELS, **data}, files=files)
            assert response.status_code == 422, response.text
        response = api.client.post("/batches", data={"kind": "predict"})
        assert response.status_code == 415


class TestOwners:
    def test_batch_when_it_is_anothers(self, alone: Api) -> None:
        """It is a 404 to others, and in nobody else's list."""
        ann, bob = key_of(alone), key_of(alone)
        batch = send(alone, ("a.png", picture_of(1)), headers=ann).json()
        for method, path in (("GET", ""), ("GET", "/results"), ("DELETE", "")):
            response = alone.client.request(method, f"/batches/{batch['id']}{path}", headers=bob)
            assert (response.status_code, response.json()["type"]) == (404, "/problems/unknown-batch")
        assert alone.client.get("/batches", headers=bob).json()["data"] == []
        (listed,) = alone.client.get("/batches", headers=ann).json()["data"]
        assert listed == batch

    def test_list_when_it_has_pages(self, alone: Api) -> None:
        """The latest come first, and each is on one page."""
        ann = key_of(alone)
        ids = [send(alone, ("a.png", picture_of(number)), headers=ann).json()["id"] for number in range(3)]
        page = alone.client.get("/batches?limit=2", headers=ann).json()
        rest = alone.client.get(f"/batches?limit=2&after={page['last_id']}", headers=ann).json()
        assert [batch["id"] for batch in (*page["data"], *rest["data"])] == ids[::-1]
        assert (page["has_more"], rest["has_more"]) == (True, False)

    def test_batch_when_the_key_has_the_other_scope(self, alone: Api) -> None:
        """A key that may predict may not certify many either."""
        ann = key_of(alone, Scope.PREDICT)
        assert send(alone, ("a.png", picture_of(1)), headers=ann).status_code == 202
        response = send(alone, ("a.png", picture_of(1)), headers=ann, kind="certify")
        assert (response.status_code, response.json()["type"]) == (403, "/problems/missing-scope")

    def test_batch_when_it_does_not_fit(self, alone: Api) -> None:
        """It is refused as a whole, with what there is room for, and nothing is charged."""
        few, little = key_of(alone, queued_jobs=2), key_of(alone, samples_per_day=250)
        images = [("a.png", picture_of(number)) for number in range(3)]
        for key, said in ((few, "2 of your jobs may wait"), (little, "250 are left")):
            response = send(alone, *images, headers=key)
            assert (response.status_code, response.json()["type"]) == (429, "/problems/allowance-used")
            assert said in response.json()["detail"]
            assert int(response.headers["retry-after"]) > 0
            assert send(alone, *images[:2], headers=key).status_code == 202

    def test_batch_when_it_comes_again(self, alone: Api) -> None:
        """Under the same Idempotency-Key it is the same batch; another one under it is refused."""
        ann = {**key_of(alone), "Idempotency-Key": "once"}
        first = send(alone, ("a.png", picture_of(1)), headers=ann)
        again = send(alone, ("a.png", picture_of(1)), headers=ann)
        assert (first.json()["id"], again.headers["idempotent-replayed"]) == (again.json()["id"], "true")
        assert "idempotent-replayed" not in first.headers
        response = send(alone, ("a.png", picture_of(2)), headers=ann)
        assert (response.status_code, response.json()["type"]) == (422, "/problems/reused-idempotency-key")

    def test_id_when_it_is_none(self, api: Api) -> None:
        """It is an unknown batch."""
        for path in ("x", "A", "x" * 65, "%00"):
            assert api.client.get(f"/batches/{path}").status_code == 404
