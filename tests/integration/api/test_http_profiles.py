"""Several profiles behind one API: a request names one, a key may be for some, and each is as alive as its workers."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.contract.access import EVERY_SCOPE
from adapters.contract.jobs import WorkerRecord
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from robustify.errors import InvalidInputError
from tests.integration.api.conftest import Api

USUAL, OTHER = "oracle-linear", "oracle-coin"
LABELS = ["left", "right"]
StartApi = Callable[[Settings], Api]


@pytest.fixture
def two(start_api: StartApi, api_queue: Any, tmp_path: Path) -> Api:
    """An API of two profiles, over a board without jobs; no worker lives."""
    connect(api_queue.url).flushall()
    return start_api(
        Settings(profile=USUAL, further_profiles=f" {OTHER} ,", state_dir=tmp_path, redis_url=api_queue.url)
    )


def ask(
    api: Api, picture: bytes, path: str = "/predict", key: dict[str, str] | None = None, **fields: Any
) -> httpx.Response:
    headers = {"Prefer": "respond-async", **(key or {})}
    return api.client.post(path, files={"image": picture}, data={"labels": LABELS, **fields}, headers=headers)


def profile_of(api: Api, response: httpx.Response) -> str:
    assert response.status_code == 202, response.text
    return api.record(response.json()["id"]).vote_request.profile


def key_for(api: Api, *profiles: str) -> dict[str, str]:
    store = ApiKeyStore(api.settings.state.api_keys)
    token = store.create("limited", time.time(), EVERY_SCOPE, profiles=frozenset(profiles)).token
    return {"Authorization": f"Bearer {token}"}


def live(api: Api, profile: str, speed: float | None = None, kinds: tuple[JobKind, ...] = tuple(JobKind)) -> None:
    """A worker of a profile gives a sign of life."""
    record = WorkerRecord(
        name=f"of {profile}",
        kinds=kinds,
        profile=profile,
        engine=engine_digest(find_profile(profile), api.settings),
        started_at=time.time(),
        shards_done=1,
        samples_per_second=speed,
    )
    api.board.register(record, 60.0)


@pytest.mark.parametrize("path", ["/predict", "/certify"])
def test_request_that_names_a_profile(two: Api, picture: bytes, path: str) -> None:
    """Its models answer, with its own engine and fingerprint; without a name the usual one's do."""
    usual, other = ask(two, picture, path), ask(two, picture, path, profile=OTHER)
    assert [profile_of(two, response) for response in (usual, other)] == [USUAL, OTHER]
    first, second = (two.record(response.json()["id"]).vote_request for response in (usual, other))
    assert first.engine != second.engine
    assert first.fingerprint != second.fingerprint
    assert first.question.digest != second.question.digest
    assert ask(two, picture, path, profile=USUAL).json()["id"] == usual.json()["id"]


@pytest.mark.parametrize("name", ["mini", "ORACLE-COIN", "", "../etc/passwd", "x" * 10_000])
def test_request_that_names_one_that_is_not_served(two: Api, picture: bytes, name: str) -> None:
    """It is refused with the names of those that are, whatever else there is; what was given is not repeated."""
    response = ask(two, picture, profile=name)
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-input")
    (problem,) = response.json()["errors"]
    assert problem == {
        "field": "profile",
        "detail": f"It must be a profile that this service serves: {USUAL}, {OTHER}.",
    }


@pytest.mark.parametrize("value", [5, ["oracle-coin"], {"name": "oracle-coin"}, True])
def test_profile_that_is_no_text(two: Api, value: object) -> None:
    """As JSON, on every route that takes one."""
    for path, body in (("/plan", {"target_radius": 0.2}), ("/adapt", {"name": "pets", "labels": LABELS, "steps": 0})):
        response = two.client.post(path, json={**body, "profile": value})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "profile")


def test_key_that_is_for_some_profiles(two: Api, picture: bytes) -> None:
    """It may ask those, the first of them where it names none, and is told which they are where it asks another."""
    limited = key_for(two, OTHER)
    assert profile_of(two, ask(two, picture, key=limited)) == OTHER
    assert profile_of(two, ask(two, picture, key=limited, profile=OTHER)) == OTHER
    assert two.client.get("/usage", headers=limited).json()["profiles"] == [OTHER]
    batch = {"kind": "predict", "labels": LABELS, "profile": USUAL}
    refused = [
        ask(two, picture, key=limited, profile=USUAL),
        two.client.post("/plan", json={"target_radius": 0.2, "profile": USUAL}, headers=limited),
        two.client.post("/adapt", json={"name": "a", "labels": LABELS, "profile": USUAL}, headers=limited),
        two.client.post("/batches", files=[("images", picture)], data=batch, headers=limited),
        ask(two, picture, key=key_for(two, "mini")),
    ]
    for response in refused:
        assert (response.status_code, response.json()["type"]) == (403, "/problems/profile-not-allowed")
    assert OTHER in refused[0].json()["detail"]


def test_key_for_a_profile_that_there_is_not(two: Api) -> None:
    """An empty list is not the same as none: such a key may ask nothing."""
    limited = key_for(two)
    response = two.client.post("/plan", json={"target_radius": 0.2}, headers=limited)
    assert (response.status_code, response.json()["type"]) == (403, "/problems/profile-not-allowed")


def test_batch_that_names_a_profile(two: Api, picture: bytes) -> None:
    """All of its images are asked of it; under the same Idempotency-Key, another profile is another batch."""
    headers = {"Idempotency-Key": "once", **key_for(two, USUAL, OTHER)}

    def send(profile: str) -> httpx.Response:
        data = {"kind": "predict", "labels": LABELS, "profile": profile}
        return two.client.post("/batches", files=[("images", picture)], data=data, headers=headers)

    sent = send(OTHER)
    assert sent.status_code == 202
    lines = two.client.get(sent.json()["links"]["results"], headers=headers).text
    job = two.client.get(f"/jobs/{httpx.Response(200, text=lines.splitlines()[0]).json()['job']}", headers=headers)
    assert job.status_code == 200
    assert send(OTHER).json()["id"] == sent.json()["id"]
    assert send(USUAL).json()["type"] == "/problems/reused-idempotency-key"


def test_readiness_when_one_profile_has_a_worker(two: Api) -> None:
    """Each is as ready as its own workers; without a name the usual one is meant, and all are counted."""
    live(two, OTHER)
    assert two.client.get("/readyz").status_code == 503
    problem = two.client.get("/readyz").json()["errors"]
    assert [(error["field"], USUAL in error["detail"]) for error in problem] == [("worker", True)]
    ready = two.client.get("/readyz", params={"profile": OTHER})
    assert (ready.status_code, ready.json()["profile"], ready.json()["workers"]) == (200, OTHER, 1)
    assert ready.json()["profiles"] == {USUAL: 0, OTHER: 1}
    unknown = two.client.get("/readyz", params={"profile": "mini"})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "profile")


def test_models_when_one_profile_has_a_worker(two: Api) -> None:
    """The served ones come first, with their workers and what these count in a second; of others nothing is said."""
    live(two, OTHER, speed=120.0)
    usual, other, *others = two.client.get("/models").json()["models"]
    assert (usual["name"], usual["served"], usual["workers"], usual["samples_per_second"]) == (USUAL, True, 0, None)
    assert (other["name"], other["served"], other["workers"], other["samples_per_second"]) == (OTHER, True, 1, 120.0)
    assert {(model["served"], model["workers"]) for model in others} == {(False, None)}


def test_plan_when_it_names_a_profile(two: Api) -> None:
    """It reckons with the speed of that profile's workers."""
    live(two, OTHER, speed=100.0)

    def speed(**fields: object) -> float | None:
        plan = two.client.post("/plan", json={"target_radius": 0.2, "n": 1000, **fields}).json()
        found: float | None = plan["samples_per_second"]
        return found

    assert speed() is None
    assert speed(profile=OTHER) == 100.0


def test_description_when_two_are_served(two: Api) -> None:
    """Every submission has the field, and what one profile alone needs is asked of no request."""
    document = two.client.get("/openapi.json").json()
    for path in ("/predict", "/certify", "/batches", "/adapt", "/plan"):
        for media in document["paths"][path]["post"]["requestBody"]["content"].values():
            assert "profile" in media["schema"]["properties"], path


def test_profile_that_there_is_not(start_api: StartApi, api_queue: Any, tmp_path: Path) -> None:
    """The API does not start, and says which."""
    with pytest.raises(InvalidInputError, match="no-such"):
        start_api(Settings(profile=USUAL, further_profiles="no-such", state_dir=tmp_path, redis_url=api_queue.url))
