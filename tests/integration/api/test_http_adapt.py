"""Adapting over real HTTP: what is refused before anything is stored, and the life of the job; no worker lives."""

import dataclasses
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from adapters.contract.jobs import AdaptRequest, JobError, Shard
from robustify.types import Phase

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LEAKS = re.compile(r"/usr/|/home/|/tmp/|\.py\b|Traceback|Error\(|\.sock")
Fields = dict[str, Any]
TAKEN: list[Fields] = [
    {"labels": ["cat", "owl"]},
    {"labels": ["dog", "cat"]},
    {"template": "a blurred photo of a {}"},
]
ADAPTING: list[Fields] = [{}, {"steps": 5}, {"steps": 0, "fine_tuning_steps": 5}]


def ask(api: "Api", prefer: str | None = "wait=0", **fields: Any) -> httpx.Response:
    """Asks for an adaptation of two labels, with other fields; None leaves one out."""
    values = {"name": "pets", "labels": ["cat", "dog"], **fields}
    body = {name: value for name, value in values.items() if value is not None}
    return api.client.post("/adapt", json=body, headers={"Prefer": prefer} if prefer else {})


MISTAKES: dict[str, tuple[Fields, str]] = {
    "no name": ({"name": None}, "name"),
    "an empty name": ({"name": "  "}, "name"),
    "a name with slashes": ({"name": "a/b"}, "name"),
    "a name that climbs": ({"name": "../../etc/passwd"}, "name"),
    "a name of dots": ({"name": ".."}, "name"),
    "a name with an emoji": ({"name": "pets \N{CAT FACE}"}, "name"),
    "a name with a version": ({"name": "pets@2"}, "name"),
    "a name that escapes": ({"name": "pets\x1b[31m"}, "name"),
    "a name with a zero byte": ({"name": "pets\x00"}, "name"),
    "a name of 101 letters": ({"name": "n" * 101}, "name"),
    "a name like an id": ({"name": "0123456789ABCDEF"}, "name"),
    "a name that is a number": ({"name": 5}, "name"),
    "no labels": ({"labels": None}, "labels"),
    "an empty list of labels": ({"labels": []}, "labels"),
    "one label": ({"labels": ["cat"]}, "labels"),
    "1,001 labels": ({"labels": [f"thing {index}" for index in range(1001)]}, "labels"),
    "labels that are the same": ({"labels": ["cat", "CAT"]}, "labels"),
    "labels as one text": ({"labels": "cat,dog"}, "labels"),
    "a template without a slot": ({"template": "a photo"}, "template"),
    "a template with two slots": ({"template": "{} or {}"}, "template"),
    "a long template": ({"template": "x" * 200 + "{}"}, "template"),
    "negative steps": ({"steps": -1}, "steps"),
    "too many steps": ({"steps": 10_001}, "steps"),
    "half a step": ({"steps": 1.5}, "steps"),
    "steps as a text": ({"steps": "5"}, "steps"),
    "steps that are true": ({"steps": True}, "steps"),
    "negative steps of fine-tuning": ({"fine_tuning_steps": -1}, "fine_tuning_steps"),
    "no shots": ({"shots": 0}, "shots"),
    "17 shots": ({"shots": 17}, "shots"),
    "none held back": ({"held_back": 0}, "held_back"),
    "a negative seed": ({"seed": -1}, "seed"),
    "no batch": ({"batch_size": 0}, "batch_size"),
    "no learning": ({"learning_rate": 0}, "learning_rate"),
    "negative guidance": ({"guidance_weight": -0.1}, "guidance_weight"),
    "no rank": ({"rank": 0}, "rank"),
    "another way to publish": ({"publish": "never"}, "publish"),
    "an unknown field": ({"epochs": 3}, "epochs"),
    "an image": ({"image": "YQ=="}, "image"),
    "a day of work": ({"steps": 10_000, "batch_size": 1_024}, "steps"),
    "a day of fine-tuning": ({"fine_tuning_steps": 10_000, "fine_tuning_batch_size": 1_024}, "fine_tuning_steps"),
    "a day of pictures": ({"labels": [f"thing {index}" for index in range(1000)], "shots": 16}, "shots"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_adapt_when_a_field_is_wrong(adapting_api: "Api", name: str) -> None:
    """A problem names the field, no task appears, no job waits, and the same request without the mistake is taken."""
    fields, wrong = MISTAKES[name]
    adapting_api.store_task("there before")
    waiting = adapting_api.board.queue_depths()
    response = ask(adapting_api, **fields)
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-input")
    assert response.headers["content-type"] == "application/problem+json"
    assert {error["field"].partition(".")[0] for error in response.json()["errors"]} == {wrong}
    assert len(response.json()["detail"]) > 20
    assert not LEAKS.search(response.text)
    assert adapting_api.names() == ["there before"]
    assert adapting_api.board.queue_depths() == waiting
    accepted = ask(adapting_api)
    assert accepted.status_code == 202
    adapting_api.board.cancel(accepted.json()["id"])


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        (b'{"name": ', "application/json", 400, "malformed-body"),
        (b"[]", "application/json", 400, "malformed-body"),
        (b"", "application/json", 400, "malformed-body"),
        (b'{"name": "a", "name": "b"}', "application/json", 422, "invalid-input"),
        (b"name=pets&labels=cat", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 415, "unsupported-media-type"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b'{"name": "' + b"a" * (3 << 20) + b'"}', "application/json", 413, "too-large"),
    ],
)
def test_adapt_when_the_body_is_wrong(
    adapting_api: "Api", content: bytes, media_type: str, status: int, slug: str
) -> None:
    """JSON only, within a limit; the refusal of anything else says so."""
    response = adapting_api.client.post("/adapt", content=content, headers={"Content-Type": media_type})
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")
    assert status != 415 or "application/json" in response.json()["detail"]
    assert adapting_api.names() == []


def test_adapt_when_the_name_is_taken(adapting_api: "Api") -> None:
    """A name, however written, that stands for other labels or another template is a conflict; nothing changes."""
    adapting_api.store_task("Pets")
    before = adapting_api.client.get("/tasks").json()
    for fields in TAKEN:
        for name in ("Pets", "pets", " ｐｅｔｓ "):
            response = ask(adapting_api, **{**fields, "name": name})
            assert (response.status_code, response.json()["type"]) == (409, "/problems/task-conflict")
            assert "'Pets'" in response.json()["detail"]
    assert adapting_api.client.get("/tasks").json() == before


def test_adapt_when_it_is_accepted(adapting_api: "Api") -> None:
    """A 202 at once with the whole request, the profile's defaults filled in; the task is not there yet."""
    response = ask(adapting_api, prefer=None, name=" accepted  once ", shots=2)
    job = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/jobs/{job['id']}"
    assert int(response.headers["retry-after"]) >= 1
    defaults = adapting_api.profile.adaptation
    assert (job["kind"], job["status"]) == ("adapt", "queued")
    assert job["params"] == {
        "name": "accepted once",
        "labels": ["cat", "dog"],
        "template": "This is a photo of a {}",
        "shots": 2,
        "held_back": defaults.held_back,
        "seed": 0,
        "steps": defaults.steps,
        "batch_size": defaults.batch_size,
        "learning_rate": defaults.learning_rate,
        "guidance_weight": defaults.guidance_weight,
        "rank": defaults.rank,
        "fine_tuning_steps": defaults.fine_tuning_steps,
        "fine_tuning_batch_size": defaults.fine_tuning_batch_size,
        "fine_tuning_learning_rate": defaults.fine_tuning_learning_rate,
        "fine_tuning_mix": defaults.fine_tuning_mix,
        "publish": "if-no-worse",
    }
    # 2 labels of 2 shots and what is held back; the steps of both trainings; before and after at two sigmas.
    held_back = 2 * defaults.held_back
    total = 4 + held_back + defaults.steps + defaults.fine_tuning_steps + 4 * held_back
    untold = {"stage": None, "seconds_left": None, "place": None}
    assert job["progress"] == {"done": 0, "total": total, "unit": "steps", **untold}
    assert adapting_api.names() == []
    assert ask(adapting_api, name="accepted once", shots=2).json()["id"] == job["id"]


def test_adapt_when_it_runs(adapting_api: "Api") -> None:
    """The job tells its stage and the time that is left, and the events too; then the task is there."""
    job = ask(adapting_api, name="it runs").json()
    total = job["progress"]["total"]
    shard = Shard(phase=Phase.ADAPT, first=0, count=total)
    assert adapting_api.board.lease(job["id"], shard, "test")
    assert adapting_api.board.note_progress(job["id"], shard, "test", "synthesize", total // 2)
    path = job["links"]["self"]
    progress = adapting_api.client.get(path).json()["progress"]
    assert (progress["done"], progress["stage"]) == (total // 2, "synthesize")
    assert 0 <= progress["seconds_left"] < 60
    events: list[dict[str, Any]] = []
    too_late = threading.Timer(20, adapting_api.board.cancel, [job["id"]])
    too_late.start()
    with adapting_api.client.stream("GET", f"{path}/events") as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
                if len(events) == 1:  # The stage changes, the number does not.
                    assert adapting_api.board.note_progress(job["id"], shard, "test", "personalize", total // 2)
                elif len(events) == 2:
                    adapting_api.finish_adaptation(job["id"], b"lora")
    too_late.cancel()
    assert [event["progress"]["stage"] for event in events[:2]] == ["synthesize", "personalize"]
    assert events[0]["progress"]["unit"] == "steps"
    assert events[-1]["result"]["outcome"] == "published"
    assert events[-1]["progress"]["seconds_left"] is None
    assert events[-1]["progress"]["done"] == total
    assert adapting_api.names() == ["it runs"]


def test_adapt_when_another_request_adapts_the_task(adapting_api: "Api") -> None:
    """A conflict that names the job; when that is canceled, the other is taken."""
    first = ask(adapting_api, name="one at a time").json()["id"]
    response = ask(adapting_api, name="ONE at a time", seed=1)
    assert (response.status_code, response.json()["type"]) == (409, "/problems/task-conflict")
    assert first in response.json()["detail"]
    adapting_api.client.delete(f"/jobs/{first}")
    assert ask(adapting_api, name="ONE at a time", seed=1).status_code == 202


def test_adapt_when_only_the_labels_are_stored(adapting_api: "Api") -> None:
    """Without steps nothing is trained, one step is all there is, and a client that says nothing waits for it."""
    job = ask(adapting_api, name="labels alone", steps=0).json()
    assert job["params"]["fine_tuning_steps"] == 0
    assert job["progress"]["total"] == 1
    request = adapting_api.record(job["id"]).request
    assert isinstance(request, AdaptRequest)
    assert not request.adapts
    worker = threading.Timer(0.3, adapting_api.finish_adaptation, [job["id"], None])
    worker.start()
    response = ask(adapting_api, prefer=None, name="labels alone", steps=0)
    worker.join()
    assert (response.status_code, response.json()["status"]) == (200, "succeeded")
    assert adapting_api.client.get("/tasks/labels alone").json()["versions"] == 1


def test_adapt_when_a_label_is_too_long_for_the_model(adapting_api: "Api") -> None:
    """What only a worker finds fails the job with a problem of its own, and no task appears."""
    job = ask(adapting_api, name="too long", template="x " * 90 + "{}").json()
    detail = "label 'cat' (1) in the template is too long for the text encoder: shorten it"
    adapting_api.board.fail(job["id"], JobError(type="invalid-input", title="t", detail=detail))
    failed = adapting_api.client.get(job["links"]["self"]).json()
    assert failed["status"] == "failed"
    assert failed["error"]["type"] == "/problems/invalid-input"
    assert failed["error"]["detail"] == detail
    assert adapting_api.names() == []


def test_adapt_when_the_profile_does_not_read_labels(api: "Api") -> None:
    """An oracle takes no tasks at all, and says so."""
    for fields in (*ADAPTING, {"steps": 0}):
        response = ask(api, **fields)
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == ["labels"]


def test_adapt_when_the_profile_has_no_generator(
    adapting_api: "Api", tmp_path: Path, start_api: Callable[..., "Api"]
) -> None:
    """Nothing can be adapted, but labels can be stored."""
    profile = dataclasses.replace(adapting_api.profile, folder=tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    client = start_api(adapting_api.settings, profile)
    for fields in ADAPTING:
        response = ask(client, name="no generator", **fields)
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == ["steps"]
    assert ask(client, name="no generator", steps=0).status_code == 202


def test_models_when_some_can_adapt(adapting_api: "Api", api: "Api") -> None:
    """Each says whether it can adapt, and with which values where the request says nothing."""
    served = adapting_api.client.get("/models").json()["models"][0]
    assert served["can_adapt"]
    assert served["adaptation"]["shots"] == adapting_api.profile.adaptation.shots
    assert served["adaptation"].keys() <= ask(adapting_api, name="defaults").json()["params"].keys()
    oracle = api.client.get("/models").json()["models"][0]
    assert (oracle["can_adapt"], oracle["adaptation"]) == (False, None)
