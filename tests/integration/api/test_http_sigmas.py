"""Several sigmas over HTTP: with a worker of profile mini to the certificate, and what is refused without one."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from adapters.certificates.checks import verify
from adapters.settings import Settings

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LABELS = ["cat", "horse", "ship"]
NOW = {"Prefer": "respond-async"}
FORM = {"labels": LABELS, "sigmas": ["0.5", "0.12", "0.25"]}


@pytest.fixture
def mini_api(queue_settings: Settings, start_api: Callable[[Settings], "Api"]) -> "Api":
    """An API of profile mini; no worker lives."""
    return start_api(queue_settings.model_copy(update={"profile": "mini", "batch_size": 25}))


@pytest.fixture
def mini_worker(mini_api: "Api", start_loaded_worker: Callable[..., Any], wait_until: Callable[..., None]) -> None:
    start_loaded_worker(mini_api.settings)
    wait_until(lambda: mini_api.client.get("/readyz").status_code == 200)


def ask(api: "Api", picture: bytes, **fields: Any) -> dict[str, Any]:
    response = api.client.post("/certify", files={"image": picture}, data=fields, headers=NOW)
    document: dict[str, Any] = response.json()
    return document


@pytest.mark.usefixtures("mini_worker")
def test_certificate_at_three_sigmas(mini_api: "Api", picture: bytes, wait_until: Callable[..., None]) -> None:
    """Each sigma has an answer, of as many samples; the signed document verifies, and the page has every sigma. Asked
    again as JSON, in another order, it is the stored answer; the ledger has one alpha.
    """
    fields = {"n": 100, "n0": 25, "alpha": 0.03}
    job = ask(mini_api, picture, **FORM, **fields)
    wait_until(lambda: mini_api.client.get(job["links"]["self"]).json()["done"], seconds=240)
    job = mini_api.client.get(job["links"]["self"]).json()
    assert job["status"] == "succeeded", job
    result = job["result"]

    assert [answer["sigma"] for answer in result["sigmas"]] == [0.12, 0.25, 0.5]
    assert [sum(vote["count"] for vote in answer["votes"]) for answer in result["sigmas"]] == [100] * 3
    radii = [answer["radius"] or 0.0 for answer in result["sigmas"]]
    assert (result["radius"] or 0.0) == max(radii)
    assert job["progress"]["done"] == 3 * result["samples_used"]
    assert job["progress"]["total"] == 3 * 125
    assert verify(result["certificate"]).valid
    path = f"/jobs/{job['id']}/certificate"
    assert "3 sigmas were asked about" in mini_api.client.get(path).text
    document = mini_api.client.get(f"{path}.json").json()
    assert document == result["certificate"]
    assert document["format_version"] == 4
    checked = mini_api.client.post("/certificates/verify", json={"certificate": document}).json()
    assert checked["verdict"] == "valid"

    body = {"image": base64.b64encode(picture).decode(), "labels": LABELS, "sigmas": [0.12, 0.5, 0.25], **fields}
    again = mini_api.client.post("/certify", json=body, headers=NOW).json()
    assert again["result"]["certificate"] == result["certificate"]
    assert mini_api.client.get("/ledger").json()["certificates"]["alpha"] == 0.03


def test_batch_at_several_sigmas(mini_api: "Api", picture: bytes) -> None:
    """Each of its images is asked about at all of them."""
    answer = mini_api.client.post(
        "/batches", files=[("images", picture)], data={"kind": "certify", **FORM}, headers=NOW
    )
    assert answer.status_code in (200, 202), answer.text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sigmas": ["0.25,0.5"]}, "sigmas"),
        ({"sigmas": ["0.25"]}, "sigmas"),
        ({"sigmas": ["0.25", "half"]}, "sigmas"),
        ({"sigmas": ["0.25", "2_0"]}, "sigmas"),
        ({"sigmas": ["0.25", "5"]}, "sigmas.1"),
        ({"sigmas": ["0.25", "0.250"]}, "sigmas"),
        ({"sigmas[]": ["0.25", "0.5"]}, "sigmas"),
        ({"sigmas": ["0.5"] * 9}, "sigmas"),
        ({"sigmas": ["0.25", "0.5"], "sigma": "0.25"}, "sigmas"),
        ({"sigmas": ["0.25", "0.5"], "target_radius": "0.1"}, "target_radius"),
        ({"sigmas": ["0.25", "0.5"], "n": "100000"}, "n"),
    ],
)
def test_sigmas_that_are_refused(mini_api: "Api", picture: bytes, fields: dict[str, Any], field: str) -> None:
    """The field is named, and nothing is queued."""
    found = ask(mini_api, picture, labels=LABELS, **fields)
    assert found["status"] == 422
    assert [error["field"] for error in found["errors"]] == [field]
    assert mini_api.board.queue_depths()["certify"] == 0


def test_sigmas_for_predict(mini_api: "Api", picture: bytes) -> None:
    """It has no such field."""
    found = mini_api.client.post("/predict", files={"image": picture}, data=FORM, headers=NOW).json()
    assert "sigmas" in [error["field"] for error in found["errors"]]


def test_plan_for_sigmas(mini_api: "Api") -> None:
    """What all of them take, and how likely the one that is reckoned with has the radius."""
    asked = {"target_radius": 0.5, "p": [0.99], "n": 1000, "sigma": 0.25}
    one, many = (mini_api.client.post("/plan", json={**asked, "sigmas": sigmas}).json() for sigmas in (1, 3))
    assert many["costs"][0]["adaptive"] is many["fewest"]["adaptive"] is None
    assert many["costs"][0]["fixed"]["samples"] == 3 * one["costs"][0]["fixed"]["samples"]
