"""Zero-shot image classification by Hugging Face's own client, and by hand where that client says too little."""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from adapters.contract.access import KEYLESS, Scope
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from tests.integration.api.conftest import Api
from tests.owners import listed

PATH = "/compat/huggingface/zero-shot-image-classification"
LABELS = ["left", "right"]


def url_of(api: Api) -> str:
    return str(api.client.base_url).rstrip("/") + PATH


@contextmanager
def answering(api: Api) -> Iterator[None]:
    """Plays a worker, who votes for the first label in whatever is asked for while the block runs."""
    before, ended = {record.id for record in listed(api.board, KEYLESS)}, threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            for record in listed(api.board, KEYLESS):
                if record.id not in before and not record.status.done:
                    api.run(record.job)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def post(api: Api, picture: bytes, seconds: float | None = None, **parameters: Any) -> Any:  # Any: a response.
    body = {"inputs": base64.b64encode(picture).decode(), "parameters": {"candidate_labels": LABELS, **parameters}}
    headers = {} if seconds is None else {"Prefer": f"wait={seconds}"}
    return api.client.post(PATH, json=body, headers=headers)


def test_client_when_it_classifies(api: Api, picture: bytes) -> None:
    """It gets the labels with their shares of the votes, the highest first."""
    client = InferenceClient(model=url_of(api))
    with answering(api):
        found = client.zero_shot_image_classification(picture, LABELS, hypothesis_template="a picture of a {}")
    assert [(element.label, element.score) for element in found] == [("left", 1.0), ("right", 0.0)]


def test_client_when_it_has_a_key(start_api: Any, api_queue: Any, tmp_path: Path, picture: bytes) -> None:
    """Its token is the key; without one, or with one that may not predict, it is told so."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, keyless="nobody")
    closed = start_api(settings)
    store = ApiKeyStore(settings.state.api_keys)
    key = store.create("ann", time.time(), frozenset({Scope.PREDICT}))
    reader = store.create("bob", time.time(), frozenset({Scope.READ}))
    for token, status in ((key.token, 503), (reader.token, 403), (None, 401)):
        client = InferenceClient(model=url_of(closed), token=token, headers={"Prefer": "wait=0"})
        with pytest.raises(HfHubHTTPError) as refused:
            client.zero_shot_image_classification(picture, LABELS)
        assert refused.value.response.status_code == status


def test_answer_when_it_takes_longer(api: Api, picture: bytes) -> None:
    """It is a 503 with the job under way; the same request goes on waiting for the same job, and gets its answer."""
    response = post(api, picture, seconds=0, n=61)
    assert (response.status_code, response.json()["type"]) == (503, "/problems/not-done")
    assert int(response.headers["retry-after"]) > 0
    job = response.headers["x-robustify-job"]
    api.run(job)
    again = post(api, picture, seconds=0, n=61)
    assert (again.status_code, again.headers["x-robustify-job"]) == (200, job)
    assert again.headers["x-robustify-outcome"] == "predicted"
    record = api.client.get(f"/jobs/{job}").json()["result"]
    assert again.json()[0] == {"label": "left", "score": record["votes"][0]["count"] / record["samples_used"]}


def test_answer_when_the_job_is_canceled(api: Api, picture: bytes) -> None:
    """It says so, and that it may be asked again."""
    first = post(api, picture, seconds=0, n=62)
    canceling = threading.Timer(1.0, lambda: api.client.delete(f"/jobs/{first.headers['x-robustify-job']}"))
    canceling.start()
    response = post(api, picture, seconds=10, n=62)
    canceling.join()
    assert (response.status_code, response.json()["type"]) == (503, "/problems/job-failed")


def test_image_when_the_javascript_client_sends_it(api: Api, picture: bytes) -> None:
    """It stands in an object, and is taken."""
    inputs = {"image": base64.b64encode(picture).decode()}
    body = {"inputs": inputs, "parameters": {"candidate_labels": LABELS}}
    response = api.client.post(PATH, json=body, headers={"Prefer": "wait=0"})
    assert response.status_code in (200, 503)
    assert "x-robustify-job" in response.headers


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({}, 422, {"inputs", "parameters.candidate_labels"}),
        ({"inputs": "aW1hZ2U="}, 422, {"parameters.candidate_labels"}),
        ({"inputs": 5, "parameters": {"candidate_labels": LABELS}}, 422, {"inputs"}),
        ({"inputs": "!", "parameters": {"candidate_labels": LABELS}}, 400, {"inputs"}),
        ({"inputs": "aW1hZ2U=", "parameters": {"candidate_labels": LABELS}}, 415, {"inputs"}),
        ({"inputs": "aW1hZ2U=", "parameters": {"candidate_labels": ["one"]}}, 422, {"parameters.candidate_labels"}),
        ({"inputs": "aW1hZ2U=", "parameters": {}}, 422, {"parameters.candidate_labels"}),
        ({"inputs": "aW1hZ2U=", "parameters": {"candidate_labels": LABELS, "hypothesis_template": "x", "n": 0}}, 422,
         {"parameters.hypothesis_template", "parameters.n"}),
        ({"inputs": "aW1hZ2U=", "parameters": 5}, 422, {"parameters", "parameters.candidate_labels"}),
        ({"inputs": "aW1hZ2U=", "parameters": {"candidate_labels": LABELS, "task": "x"}}, 422, {"parameters.task"}),
        ({"inputs": "aW1hZ2U=", "parameters": {"candidate_labels": LABELS}, "more": 1}, 422, {"more"}),
    ],
)  # fmt: skip
def test_body_when_it_is_wrong(api: Api, body: dict[str, Any], status: int, fields: set[str]) -> None:
    """What is wrong is named as the client knows it."""
    response = api.client.post(PATH, json=body)
    assert response.status_code == status, response.text
    assert {problem["field"] for problem in response.json().get("errors", ())} == fields
