"""Webhooks over real HTTP: asked for with a job, sent by the running service, checked by the receiver."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from adapters.contract.access import EVERY_SCOPE
from adapters.profiles.profile import Profile
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from tests.integration.api.conftest import Api
from tests.receivers import Receiver, receiving

StartApi = Callable[[Settings], Api]
WaitUntil = Callable[..., None]


@pytest.fixture(scope="module")
def own_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A queue server whose deliveries no API of another test takes."""
    with EmbeddedServer(tmp_path_factory.mktemp("queue")) as server:
        yield server


@pytest.fixture
def telling_api(start_api: StartApi, own_queue: EmbeddedServer, tmp_path: Path) -> Api:
    """An API that may tell receivers of this machine."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=own_queue.url, webhook_hosts="127.0.0.1")
    return start_api(settings)


def secret_of(api: Api, headers: dict[str, str] | None = None) -> str:
    secret: str = api.client.get("/webhooks/secret", headers=headers).json()["secret"]
    return secret


def event_in(api: Api, receiver: Receiver, headers: dict[str, str] | None = None) -> Any:  # Any: JSON.
    (received,) = receiver.received
    return Webhook(secret_of(api, headers)).verify(received.body, received.headers)


def test_webhook_when_a_prediction_is_done(telling_api: Api, picture: bytes, wait_until: WaitUntil) -> None:
    """Its owner is told, and finds it where the event says."""
    with receiving() as receiver:
        form = {"labels": ["left", "right"], "webhook": receiver.url}
        headers = {"Prefer": "respond-async"}
        job = telling_api.client.post("/predict", files={"image": picture}, data=form, headers=headers).json()
        assert "webhook" not in job["params"]
        telling_api.run(job["id"])
        wait_until(lambda: receiver.received)
    event = event_in(telling_api, receiver)
    assert (event["type"], event["data"]["id"]) == ("job.succeeded", job["id"])
    assert telling_api.client.get(event["data"]["links"]["self"]).json()["id"] == job["id"]


def test_webhook_when_an_adaptation_is_canceled(
    start_api: Callable[..., Api],
    own_queue: EmbeddedServer,
    tmp_path: Path,
    adapting_profile: Profile,
    wait_until: WaitUntil,
) -> None:
    """Its owner is told that too."""
    settings = Settings(profile="mini", state_dir=tmp_path, redis_url=own_queue.url, webhook_hosts="127.0.0.1")
    adapting = start_api(settings, adapting_profile)
    with receiving() as receiver:
        asked = {"name": "told of", "labels": ["cat", "dog"], "webhook": receiver.url}
        job = adapting.client.post("/adapt", json=asked).json()
        adapting.client.delete(f"/jobs/{job['id']}")
        wait_until(lambda: receiver.received)
        assert event_in(adapting, receiver)["type"] == "job.canceled"


def test_webhook_when_a_batch_is_done(telling_api: Api, picture: bytes, wait_until: WaitUntil) -> None:
    """Its owner is told once, of all of it."""
    with receiving() as receiver:
        form = {"kind": "predict", "labels": ["left", "right"], "n": "77", "webhook": receiver.url}
        files = [("images", ("a.png", picture)), ("images", ("b.png", b"broken"))]
        batch = telling_api.client.post("/batches", files=files, data=form).json()
        job = telling_api.client.get(batch["links"]["results"]).text.splitlines()[0]
        telling_api.run(job.partition('"job":"')[2].partition('"')[0])
        wait_until(lambda: receiver.received)
        time.sleep(0.1)
    event = event_in(telling_api, receiver)
    assert (event["type"], event["data"]["counts"]) == ("batch.done", {"succeeded": 1, "refused": 1})


@pytest.mark.parametrize("path", ["/predict", "/certify", "/adapt"])
@pytest.mark.parametrize(
    "webhook", ["http://hooks.example.org/", "https://localhost/", "https://10.0.0.1/", "https://a:b@x.example/", 5, ""]
)
def test_webhook_when_it_is_refused(api: Api, path: str, webhook: object) -> None:
    """The answer names the field, and nothing is queued."""
    asked = {"name": "pets", "labels": ["left", "right"], "webhook": webhook}
    if path != "/adapt":
        asked = {"image": "aW1hZ2U=", "labels": ["left", "right"], "webhook": webhook}
    response = api.client.post(path, json=asked)
    assert response.status_code == 422
    assert "webhook" in {problem["field"] for problem in response.json()["errors"]}


def test_secret_when_owners_differ(telling_api: Api) -> None:
    """Each key has its own, and the operator has one too."""
    store = ApiKeyStore(telling_api.settings.state.api_keys)
    keys = [store.create(name, time.time(), EVERY_SCOPE).token for name in ("ann", "bob")]
    secrets = [secret_of(telling_api, {"Authorization": f"Bearer {key}"}) for key in keys]
    assert len({*secrets, secret_of(telling_api)}) == 3
    assert secrets[0] == secret_of(telling_api, {"Authorization": f"Bearer {keys[0]}"})


def test_secret_when_anybody_may_ask(start_api: StartApi, api_queue: Any, tmp_path: Path) -> None:
    """Who has no key is one of many, and is not shown what all their receivers rely on."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, keyless="anybody")
    assert start_api(settings).client.get("/webhooks/secret").status_code == 401
