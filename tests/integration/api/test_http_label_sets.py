"""Several label sets over HTTP: with a worker of profile mini to the certificate, and what is refused without one."""

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from adapters.certificates.checks import verify
from adapters.settings import Settings

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

SETS = [["cat", "horse"], ["animal", "vehicle", "plant"], ["ship", "truck"]]
NOW = {"Prefer": "respond-async"}
FORM = {"label_sets": [json.dumps(labels) for labels in SETS]}


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
def test_certificate_of_three_label_sets(mini_api: "Api", picture: bytes, wait_until: Callable[..., None]) -> None:
    """Each set has an answer, all from the same samples; the signed document verifies, and the page has every set.
    Asked again as JSON it is the stored answer.
    """
    fields = {"n": 200, "n0": 50, "alpha": 0.03}
    job = ask(mini_api, picture, **FORM, **fields)
    wait_until(lambda: mini_api.client.get(job["links"]["self"]).json()["done"])
    job = mini_api.client.get(job["links"]["self"]).json()
    assert job["status"] == "succeeded", job
    result = job["result"]

    assert [[vote["label"] for vote in answer["votes"]] for answer in result["sets"]] == SETS
    assert [sum(vote["count"] for vote in answer["votes"]) for answer in result["sets"]] == [200] * 3
    assert [sum(vote["count"] for vote in answer["selection_votes"]) for answer in result["sets"]] == [
        result["selection_samples"]
    ] * 3
    assert (result["alpha"], result["alpha_each"]) == (0.03, pytest.approx(0.01))
    assert verify(result["certificate"]).valid
    assert job["params"]["label_sets"] == SETS
    path = f"/jobs/{job['id']}/certificate"
    assert "label set 3" in mini_api.client.get(path).text
    document = mini_api.client.get(f"{path}.json").json()
    assert document == result["certificate"]
    checked = mini_api.client.post("/certificates/verify", json={"certificate": document}).json()
    assert checked["verdict"] == "valid"

    body = {"image": base64.b64encode(picture).decode(), "label_sets": SETS, **fields}
    again = mini_api.client.post("/certify", json=body, headers=NOW).json()
    assert again["result"]["certificate"] == result["certificate"]
    assert mini_api.client.get("/ledger").json()["certificates"]["alpha"] == 0.03


def test_form_and_json_with_the_same_sets(mini_api: "Api", picture: bytes) -> None:
    """They are the same question, and labels may hold commas and quotation marks."""
    sets = [["cat, or dog", 'the "ship"'], ["a", "b"]]
    form = ask(mini_api, picture, label_sets=[json.dumps(labels) for labels in sets])
    body = {"image": base64.b64encode(picture).decode(), "label_sets": sets}
    as_json = mini_api.client.post("/certify", json=body, headers=NOW).json()
    assert form["params"] == as_json["params"]
    assert form["params"]["label_sets"] == sets


def test_batch_with_label_sets(mini_api: "Api", picture: bytes) -> None:
    """Each of its images is asked about all sets."""
    answer = mini_api.client.post(
        "/batches", files=[("images", picture)], data={"kind": "certify", **FORM}, headers=NOW
    )
    assert answer.status_code in (200, 202), answer.text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"label_sets": ["cat,dog", "ship,car"]}, "label_sets"),
        ({"label_sets": ['["cat", "dog"]', '{"a": 1}']}, "label_sets"),
        ({"label_sets": ['["cat", "dog"]', "[" * 60_000]}, "label_sets"),
        ({"label_sets": ['["cat", "dog"]']}, "label_sets"),
        ({"label_sets": ['["cat", "dog"]', "[]"]}, "label_sets.1"),
        ({"label_sets": ['["cat", "dog"]', '["dog", "cat"]']}, "label_sets"),
        ({**FORM, "labels": ["cat", "dog"]}, "label_sets"),
        ({**FORM, "target_radius": "0.1"}, "target_radius"),
    ],
)
def test_sets_that_are_refused(mini_api: "Api", picture: bytes, fields: dict[str, Any], field: str) -> None:
    """The field is named."""
    found = ask(mini_api, picture, **fields)
    assert found["status"] == 422
    assert [error["field"] for error in found["errors"]] == [field]


def test_sets_with_many_times_the_labels_of_one(mini_api: "Api", picture: bytes) -> None:
    """They are refused by their number, and nothing is queued."""
    sets = [[f"{number} of {place}" for number in range(1000)] for place in range(64)]
    body = {"image": base64.b64encode(picture).decode(), "label_sets": sets}
    found = mini_api.client.post("/certify", json=body, headers=NOW)
    assert found.status_code in (413, 422)
    assert mini_api.board.queue_depths()["certify"] == 0


def test_sets_for_predict(mini_api: "Api", picture: bytes) -> None:
    """It has no such field."""
    found = mini_api.client.post("/predict", files={"image": picture}, data=FORM, headers=NOW).json()
    assert "label_sets" in [error["field"] for error in found["errors"]]


def test_sets_for_classes_that_are_no_words(api: "Api", picture: bytes) -> None:
    """The refusal says which profile it is, and what to do."""
    found = ask(api, picture, **FORM)
    assert found["status"] == 422
    assert "oracle-linear" in found["errors"][0]["detail"]
    body = api.client.get("/openapi.json").json()["paths"]["/certify"]["post"]["requestBody"]["content"]
    assert all("label_sets" not in media["schema"]["properties"] for media in body.values())


def test_plan_for_label_sets(mini_api: "Api") -> None:
    """What each set costs with its share of alpha; without a look before the end."""
    asked = {"target_radius": 0.5, "p": [0.99], "n": 1000}
    one, many = (
        mini_api.client.post("/plan", json={**asked, "label_sets": sets, "sigma": 0.25}).json() for sets in (1, 20)
    )
    assert many["costs"][0]["adaptive"] is many["fewest"]["adaptive"] is None
    assert many["fewest"]["fixed"] > one["fewest"]["fixed"]
    assert many["costs"][0]["fixed"]["certified"] < one["costs"][0]["fixed"]["certified"]
