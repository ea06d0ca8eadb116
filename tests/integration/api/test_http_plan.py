"""POST /plan: what a radius costs, before anybody asks for it."""

from typing import TYPE_CHECKING, Any

import pytest

from adapters.contract.jobs import WorkerRecord
from adapters.profiles.fingerprint import engine_digest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api


def test_plan_when_p_is_far_from_what_is_needed(api: "Api") -> None:
    """The adaptive certificate takes a part of the fixed one's samples, and both say how they will end."""
    response = api.client.post("/plan", json={"target_radius": 0.25, "sigma": 0.25, "p": [0.6, 0.99]})
    plan = response.json()

    assert response.status_code == 200
    assert (plan["n"], plan["n0"], plan["alpha"], plan["samples_per_second"]) == (10_000, 100, 0.001, None)
    assert plan["p_needed"] == pytest.approx(0.8413, abs=1e-4)
    assert plan["fewest"] == {"fixed": 40, "adaptive": 48}
    hopeless, clear = plan["costs"]
    assert (clear["fixed"]["samples"], clear["fixed"]["certified"]) == (10_100, 1.0)
    assert clear["adaptive"]["certified"] > 0.999 < hopeless["adaptive"]["not_certified"]
    assert max(cost["adaptive"]["samples"] for cost in plan["costs"]) < 300
    assert clear["adaptive"]["seconds"] is clear["fixed"]["seconds"] is None


def test_plan_when_a_speed_is_known(api: "Api") -> None:
    """Seconds are samples over speed: that of the request, or of the live workers of the served models together."""
    body = {"target_radius": 0.25, "p": [1.0]}
    given = api.client.post("/plan", json={**body, "samples_per_second": 1000}).json()
    assert given["costs"][0]["fixed"]["seconds"] == 10.1

    engines = [engine_digest(api.profile, api.settings)] * 2 + ["another"]
    workers = [
        WorkerRecord(
            name=f"w{number}", profile="p", engine=engine, started_at=0.0, shards_done=1, samples_per_second=50
        )
        for number, engine in enumerate(engines)
    ]
    try:
        for worker in workers:
            api.board.register(worker, ttl=60)
        measured = api.client.post("/plan", json=body).json()
    finally:
        for worker in workers:
            api.board.register(worker, ttl=0)
    assert measured["samples_per_second"] == 100
    assert measured["costs"][0]["fixed"]["seconds"] == 101


@pytest.mark.parametrize(
    ("body", "field", "what"),
    [
        ({}, "target_radius", "required"),
        ({"target_radius": 0}, "target_radius", "greater"),
        ({"target_radius": "0.25"}, "target_radius", "number"),
        ({"target_radius": 0.9, "sigma": 0.25, "n": 1000}, "target_radius", "it takes an n of at least 51443"),
        ({"target_radius": 9, "sigma": 0.25}, "target_radius", "no number of samples"),
        ({"target_radius": 0.25, "p": []}, "p", "at least 1"),
        ({"target_radius": 0.25, "p": [0.5, 1.5]}, "p.1", "less"),
        ({"target_radius": 0.25, "p": [0.5] * 21}, "p", "at most 20"),
        ({"target_radius": 0.25, "samples_per_second": 0}, "samples_per_second", "greater"),
        ({"target_radius": 0.25, "labels": ["a"]}, "labels", "no such field"),
    ],
)
def test_plan_when_it_cannot_be_made(api: "Api", body: dict[str, Any], field: str, what: str) -> None:
    """A problem document names the field, what was expected, and what n would do."""
    response = api.client.post("/plan", json=body)

    assert response.status_code == 422
    assert response.json()["type"] == "/problems/invalid-input"
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert what in error["detail"]


def test_plan_when_the_body_is_no_json(api: "Api") -> None:
    """It is refused as elsewhere."""
    assert api.client.post("/plan", data={"target_radius": 1}).status_code == 415
    assert api.client.post("/plan", content="{", headers={"Content-Type": "application/json"}).status_code == 400
