"""Tasks over real HTTP: listed, read, rolled back, deleted, and answered with."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from adapters.contract.labels import task_id
from adapters.profiles.fingerprint import fingerprint
from adapters.profiles.library import find_profile
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from robustify.types import Task

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

OTHER_MODELS = "0" * 64


@pytest.fixture
def own_api(api_queue: EmbeddedServer, tmp_path: Path, start_api: Callable[..., "Api"]) -> "Api":
    """An API of profile oracle-linear without tasks, over a board without jobs: those of other files name tasks too."""
    connect(api_queue.url).flushall()
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, shard_samples=50)
    return start_api(settings)


def put_current(api: "Api", name: str, version: Any) -> httpx.Response:
    return api.client.put(f"/tasks/{name}/current", json={"version": version})


def answering(api: "Api", name: str) -> int:
    """The version that the list of versions says to answer."""
    versions = api.client.get(f"/tasks/{name}/versions").json()["versions"]
    (number,) = [version["number"] for version in versions if version["answers"]]
    assert api.client.get(f"/tasks/{name}").json()["current"] == number
    assert isinstance(number, int)
    return number


def ask(api: "Api", picture: bytes, path: str = "/predict", **fields: Any) -> httpx.Response:
    return api.client.post(path, files={"image": picture}, data=fields, headers={"Prefer": "wait=0"})


def is_problem(response: httpx.Response, status: int, slug: str) -> bool:
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.json()["detail"]) > 20
    return (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")


def test_tasks_when_there_are_none(own_api: "Api") -> None:
    """The list is empty, and nothing is found by any name."""
    assert own_api.client.get("/tasks").json() == {"tasks": []}
    for path in ("/tasks/pets", "/tasks/pets/versions", "/tasks/pets/references", "/tasks/pets/report"):
        assert is_problem(own_api.client.get(path), 404, "unknown-task")
    assert is_problem(own_api.client.delete("/tasks/pets"), 404, "unknown-task")
    assert is_problem(put_current(own_api, "pets", 1), 404, "unknown-task")
    assert is_problem(own_api.client.get("/tasks/" + "n" * 3000), 404, "unknown-task")
    for path in ("/tasks/", "/tasks/a/b", "/tasks/..%2f..%2fetc%2fpasswd"):
        assert own_api.client.get(path).status_code == 404


def test_task_when_it_is_read(own_api: "Api") -> None:
    """By its name in any case, escaped where it must be, and by its id; the list is by name."""
    own_api.store_task("Vögel & Katzen")
    own_api.store_task("a first one")
    assert own_api.names() == ["a first one", "Vögel & Katzen"]
    task = own_api.client.get("/tasks").json()["tasks"][1]
    path = f"/tasks/{task['id']}"
    assert {name: task[name] for name in ("name", "labels", "template", "current", "versions", "links")} == {
        "name": "Vögel & Katzen",
        "labels": ["cat", "dog"],
        "template": "This is a photo of a {}",
        "current": 1,
        "versions": 1,
        "links": {"self": path, "versions": f"{path}/versions", "current": f"{path}/current"},
    }
    for name in ("V%C3%B6gel%20&%20Katzen", "v%C3%B6gel%20%26%20KATZEN", task["id"]):
        assert own_api.client.get(f"/tasks/{name}").json() == task
    assert own_api.client.head(path).headers["content-length"]


def test_versions_when_they_differ(own_api: "Api") -> None:
    """Each says what it was adapted with, what that brought, and whether it can answer now."""
    own_api.store_task("pets", job="one")
    own_api.store_task("pets", b"better", job="two")
    own_api.store_task("pets", b"worse", job="three", answers=False)
    own_api.store_task("pets", b"other", job="four", models=OTHER_MODELS)
    versions = own_api.client.get("/tasks/pets/versions").json()["versions"]
    assert [version["number"] for version in versions] == [1, 2, 3, 4]
    assert [version["parent"] for version in versions] == [None, 1, 2, 2]
    assert [version["answers"] for version in versions] == [False, False, False, True]
    assert [version["served"] for version in versions] == [True, True, True, False]
    assert versions[3]["models"] == OTHER_MODELS
    assert [versions[0][name] for name in ("adaptation", "models", "figures", "links")] == [None] * 4
    assert versions[1]["figures"]["after"][0]["accuracy"] == 0.6
    references = own_api.client.get(versions[1]["links"]["references"]).json()
    assert (references["version"], references["adaptation"]) == (2, versions[1]["adaptation"])


def test_current_when_it_goes_back_and_forward(own_api: "Api") -> None:
    """The version that is named answers from then on; the answer is the task."""
    own_api.store_task("pets", job="one")
    own_api.store_task("pets", b"lora", job="two")
    for number in (1, 2, 1):
        response = put_current(own_api, "PETS", number)
        assert (response.status_code, response.json()["current"]) == (200, number)
        assert answering(own_api, "pets") == number


def test_current_when_it_cannot_be(own_api: "Api") -> None:
    """A version that is not there, that could not answer, or that is no number changes nothing."""
    own_api.store_task("pets", b"other", job="one", models=OTHER_MODELS)
    own_api.store_task("pets", job="two")
    assert is_problem(put_current(own_api, "pets", 3), 404, "unknown-task")
    assert is_problem(put_current(own_api, "pets", 10**30), 404, "unknown-task")
    assert is_problem(put_current(own_api, "pets", 1), 409, "task-conflict")
    for value in ("1", 1.5, True, None, [1], 0, -1):
        response = put_current(own_api, "pets", value)
        assert is_problem(response, 422, "invalid-input")
        assert [error["field"] for error in response.json()["errors"]] == ["version"]
    client = own_api.client
    assert is_problem(client.put("/tasks/pets/current", json=[1]), 400, "malformed-body")
    assert is_problem(client.put("/tasks/pets/current", data={"version": 1}), 415, "unsupported-media-type")
    assert is_problem(client.put("/tasks/pets/current", json={"version": 1, "name": "x"}), 422, "invalid-input")
    assert answering(own_api, "pets") == 2


def test_task_when_two_publish(adapting_api: "Api") -> None:
    """Two clients adapt at once, and others change the current version meanwhile: every version gets in once."""
    jobs = [
        adapting_api.client.post("/adapt", json={"name": name, "labels": ["cat", "dog"], "seed": seed}).json()["id"]
        for seed, name in enumerate(("two publish", "two publish here"))
    ]
    adapting_api.store_task("two publish")
    finishing = [
        threading.Thread(target=adapting_api.finish_adaptation, args=(job, name.encode()))
        for name, job in zip(("one", "two"), jobs, strict=True)
    ]
    publishing = [
        threading.Thread(target=adapting_api.store_task, args=("two publish", b"%d" % index, f"job {index}"))
        for index in range(4)
    ]
    turning = [threading.Thread(target=put_current, args=(adapting_api, "two publish", 1)) for _ in range(4)]
    for thread in (*finishing, *publishing, *turning):
        thread.start()
    for thread in (*finishing, *publishing, *turning):
        thread.join()
    versions = adapting_api.client.get("/tasks/two publish/versions").json()["versions"]
    assert [version["number"] for version in versions] == [1, 2, 3, 4, 5, 6]
    assert len({version["adaptation"] for version in versions}) == 6
    assert sum(version["answers"] for version in versions) == 1
    assert adapting_api.names() == ["two publish", "two publish here"]


def test_delete_when_nobody_needs_the_task(own_api: "Api") -> None:
    """It is gone with all that only it was adapted with; what another task has too stays and is served."""
    own_api.store_task("pets", b"shared", job="one")
    own = own_api.store_task("pets", b"own", job="two")
    other = own_api.store_task("cats", b"shared", job="three")
    assert own_api.client.get("/tasks/pets/references.png").status_code == 200
    response = own_api.client.delete("/tasks/Pets")
    assert (response.status_code, response.content) == (204, b"")
    assert own_api.names() == ["cats"]
    assert is_problem(own_api.client.get("/tasks/pets"), 404, "unknown-task")
    assert is_problem(own_api.client.delete(f"/tasks/{own.id}"), 404, "unknown-task")
    assert own_api.client.get("/tasks/cats/references.png").status_code == 200
    assert [path.name for path in own_api.settings.state.adaptations.glob("[!.]*")] == [other.version().adaptation]


def test_delete_when_jobs_need_the_task(own_api: "Api", picture: bytes) -> None:
    """The jobs are named, whichever version they have, and nothing is deleted before they are done."""
    own_api.store_task("in use", b"lora")
    jobs = [
        ask(own_api, picture, "/certify", task="in use").json()["id"],
        ask(own_api, picture, task=task_id("in use")).json()["id"],
    ]
    for job in jobs:
        response = own_api.client.delete("/tasks/in use")
        assert is_problem(response, 409, "task-conflict")
        assert job in response.json()["detail"]
        assert own_api.names() == ["in use"]
        assert own_api.client.get("/tasks/in use/references.png").status_code == 200
        own_api.run(job)
    assert own_api.client.delete("/tasks/in use").status_code == 204


def test_delete_when_the_task_is_being_adapted(adapting_api: "Api") -> None:
    """A job that adapts the task needs it too."""
    adapting_api.store_task("being adapted")
    job = adapting_api.client.post("/adapt", json={"name": "being adapted", "labels": ["cat", "dog"]}).json()["id"]
    response = adapting_api.client.delete("/tasks/being adapted")
    assert is_problem(response, 409, "task-conflict")
    assert job in response.json()["detail"]
    adapting_api.client.delete(f"/jobs/{job}")
    assert adapting_api.client.delete("/tasks/being adapted").status_code == 204


def test_task_when_it_is_damaged(own_api: "Api", picture: bytes) -> None:
    """A problem without a path, not an answer with other labels."""
    task = own_api.store_task("damaged")
    (own_api.settings.state.tasks / f"{task.id}.json").write_text("{")
    for response in (own_api.client.get("/tasks/damaged"), ask(own_api, picture, task="damaged")):
        assert is_problem(response, 503, "task-lost")
        assert str(own_api.settings.state_dir) not in response.text
        assert "retry-after" in response.headers


def test_predict_when_it_names_a_task(own_api: "Api", picture: bytes) -> None:
    """The labels and the template are the task's; the version that answers now is pinned, and its digest is told."""
    task = own_api.store_task("pets", b"first", job="one")
    digest = task.version().adaptation
    expected = fingerprint(
        find_profile("oracle-linear"), own_api.settings, Task(task.labels, task.template, digest), 0.25
    )
    for path, name in (("/predict", "pets"), ("/certify", "PETS"), ("/predict", task.id), ("/predict", "pets@1")):
        job = ask(own_api, picture, path, task=name).json()
        shown = {name: job["params"][name] for name in ("task", "version", "adaptation", "labels", "template")}
        assert shown == {
            "task": "pets",
            "version": 1,
            "adaptation": digest,
            "labels": ["cat", "dog"],
            "template": "This is a photo of a {}",
        }
        assert own_api.record(job["id"]).vote_request.fingerprint == expected


def test_predict_when_another_version_is_published(own_api: "Api", picture: bytes) -> None:
    """A job keeps the version that it began with; the next one has the new one, or the one that it names."""
    own_api.store_task("moving", b"first", job="one")
    before = ask(own_api, picture, task="moving").json()
    own_api.store_task("moving", b"second", job="two")
    after = ask(own_api, picture, task="moving").json()
    named = ask(own_api, picture, task="moving@1").json()
    assert own_api.client.get(before["links"]["self"]).json()["params"]["version"] == 1
    assert after["params"]["version"] == 2
    assert after["params"]["adaptation"] != before["params"]["adaptation"]
    assert named["id"] == before["id"]
    put_current(own_api, "moving", 1)
    assert ask(own_api, picture, task="moving").json()["id"] == before["id"]


@pytest.mark.parametrize(
    ("fields", "status", "slug"),
    [
        ({"task": "nobody"}, 404, "unknown-task"),
        ({"task": "pets@9"}, 404, "unknown-task"),
        ({"task": "pets@x"}, 404, "unknown-task"),
        ({"task": "pets@-1"}, 404, "unknown-task"),
        ({"task": "@1"}, 404, "unknown-task"),
        ({"task": ""}, 404, "unknown-task"),
        ({"task": "../tasks/pets"}, 404, "unknown-task"),
        ({"task": "n" * 111}, 422, "invalid-input"),
        ({"task": "pets", "template": "a {}"}, 422, "invalid-input"),
        ({"task": "pets", "labels": ["cat", "dog"]}, 422, "invalid-input"),
        ({"task": "pets@1"}, 409, "task-conflict"),
        ({"task": "three"}, 422, "invalid-input"),
    ],
)
def test_predict_when_the_task_cannot_answer(
    own_api: "Api", picture: bytes, fields: dict[str, Any], status: int, slug: str
) -> None:
    """Unknown, ambiguous, adapted to other models or of other labels than the profile has: a problem, and no job."""
    own_api.store_task("pets", b"lora", job="one", models=OTHER_MODELS)
    own_api.store_task("pets", job="two")
    own_api.tasks.publish("three", Task(("cat", "dog", "owl")), "three", 0.0)
    waiting = own_api.board.queue_depths()
    for path in ("/predict", "/certify"):
        assert is_problem(ask(own_api, picture, path, **fields), status, slug)
    assert own_api.board.queue_depths() == waiting


def test_task_in_json_when_it_is_no_name(own_api: "Api") -> None:
    """A task that is no text, or a text that is no Unicode, is refused."""
    for task in (b"5", b'["pets"]', b'"\\ud800"'):
        body = b'{"image": "YQ==", "task": ' + task + b"}"
        response = own_api.client.post("/predict", content=body, headers={"Content-Type": "application/json"})
        assert is_problem(response, 422, "invalid-input")


def test_delete_when_the_adaptation_is_gone(own_api: "Api") -> None:
    """A task whose files were lost can be read and deleted all the same; what was in them is a problem."""
    task = own_api.store_task("lost", b"lora")
    AdaptationStore(own_api.settings.state.adaptations).delete(str(task.version().adaptation))
    (version,) = own_api.client.get("/tasks/lost/versions").json()["versions"][-1:]
    assert version["figures"] is None
    assert is_problem(own_api.client.get("/tasks/lost/references"), 503, "task-lost")
    assert own_api.client.delete("/tasks/lost").status_code == 204
