"""A second key sees nothing of the first, on any route that the API has: the routes are those of its description."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from adapters.contract.access import EVERY_SCOPE
from adapters.contract.jobs import PreviewRequest, Shard
from adapters.contract.labels import task_id
from adapters.contract.results import PictureName
from adapters.profiles.profile import Profile
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from adapters.store.previews import PreviewStore
from adapters.store.tasks import TaskStore
from robustify.types import Phase, Task
from service.access.policy import PROBES, PUBLIC, SCOPES
from tests.answers import answer_of, preview_of

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

TASK, LABELS = "Canary aviary", ("canary yellow", "canary blue")
TASK_ID = task_id(TASK)
FILE, PICTURE = "0000-000.png", "canonical"
STRANGE = {"job_id": "q" * 26, "batch_id": "q" * 26, "name": "Nobody knows", "sha256": "0f" * 32, "file": FILE,
           "picture": PICTURE}  # fmt: skip
"""What nobody has."""
OPERATIONS = sorted(operation for operation in SCOPES if "{" in operation[1])
LISTS = sorted(path for method, path in SCOPES.keys() | PUBLIC if method == "GET" and "{" not in path)
BODIES: Mapping[str, Any] = {"/tasks/{name}/current": {"version": 1}}
PASSING = ("date", "ratelimit", "x-request-id", "traceresponse")
"""Headers that differ from one answer to the next."""
CASES = [(method, path, name) for method, path in OPERATIONS for name in (TASK, TASK_ID)[: 1 + ("{name}" in path)]]


@dataclass(frozen=True)
class Owners:
    """An API, the headers of three keys, what the first of them has, and the texts that tell of it."""

    api: "Api"
    first: Mapping[str, str]
    second: Mapping[str, str]
    operator: Mapping[str, str]
    known: Mapping[str, str]
    """What stands for the placeholders of a path; `job_id` is a certificate's."""
    canaries: frozenset[str]

    def ask(self, by: Mapping[str, str], method: str, template: str, ids: Mapping[str, str]) -> httpx.Response:
        """A picture is one of a preview: only such a job has any."""
        preview = {"job_id": ids["preview"]} if "{picture}" in template and "preview" in ids else {}
        path = template.format(**{**ids, **preview})
        return self.api.client.request(method, path, headers=dict(by), json=BODIES.get(template))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def owners(
    api_queue: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory, picture: bytes, adapting_profile: Profile
) -> Iterator[Owners]:
    """The first key has a job of each kind, a batch, a task with an adaptation, an image and outcomes."""
    from tests.integration.api.conftest import running_api

    folder = tmp_path_factory.mktemp("state")
    settings = Settings(profile="mini", state_dir=folder, redis_url=api_queue.url, shard_samples=50, keyless="nobody")
    store = ApiKeyStore(settings.state.api_keys)
    first, second = (store.create(name, time.time()) for name in ("canary keeper", "second"))
    operator = store.create("operator", time.time(), EVERY_SCOPE)
    with running_api(settings, adapting_profile) as api:
        known, canaries = world_of(api, bearer(first.token), first.key.id, picture)
        yield Owners(
            api,
            first=bearer(first.token),
            second=bearer(second.token),
            operator=bearer(operator.token),
            known=known,
            canaries=frozenset({*canaries, *known.values(), "canary", first.key.id}) - {FILE, PICTURE},
        )


def world_of(api: "Api", key: Mapping[str, str], owner: str, picture: bytes) -> tuple[dict[str, str], set[str]]:
    """What the first key has, and further texts that tell of it."""
    adaptation = adapted(api.settings, owner)
    headers = {**key, "Prefer": "respond-async"}

    def ask(path: str, **fields: Any) -> str:
        identifier: str = api.client.post(path, files={"image": picture}, data=fields, headers=headers).json()["id"]
        return identifier

    prediction = ask("/predict", task=TASK)
    certificate, waiting = (ask("/certify", labels=LABELS, n=n) for n in (1000, 5000))
    body = {"name": "Canary cage", "labels": LABELS, "steps": 0}
    registered = api.client.post("/adapt", json=body, headers=headers).json()["id"]
    batch = api.client.post("/batches", files=[("images", picture)], data={"kind": "predict", "task": TASK, "n": 200},
                            headers=key).json()["id"]  # fmt: skip
    api.run(prediction)
    certify(api, certificate)
    image = api.record(certificate).vote_request.image
    known = {"job_id": certificate, "batch_id": batch, "name": TASK, "sha256": image.sha256, "file": FILE,
             "picture": PICTURE, "preview": previewed(api, ask("/preview", labels=LABELS), owner)}  # fmt: skip
    return known, {prediction, waiting, registered, adaptation, image.source_sha256, TASK_ID}


def adapted(settings: Settings, owner: str) -> str:
    """A task of the owner's with an adaptation, whose digest is returned."""
    from tests.integration.api.conftest import store_adaptation

    models = "0" * 64
    digest = store_adaptation(settings, b"lora", models)
    tasks = TaskStore.of(owner, settings.state.tasks)
    tasks.publish(TASK, Task(LABELS), "a job", time.time(), answers=True)
    tasks.publish(TASK, Task(LABELS), "another job", time.time(), digest, models, answers=False)
    return digest


def previewed(api: "Api", job_id: str, owner: str) -> str:
    """Ends a preview with a picture, as a worker would."""
    record = api.record(job_id)
    assert isinstance(record.request, PreviewRequest)
    shard = Shard(phase=Phase.PREVIEW, first=0, count=record.samples_total)
    assert api.board.lease(job_id, shard, "test")
    sha256 = record.request.image.sha256
    PreviewStore(api.settings.state.previews).keep(owner, job_id, sha256, {PictureName.CANONICAL: b"canary"})
    assert api.board.complete(job_id, shard, "test", preview_of(record.request))
    return job_id


def certify(api: "Api", job_id: str) -> None:
    """Ends a certificate with a document, as a worker would."""
    document = api.client.get("/openapi.json").json()
    signed = document["paths"]["/jobs/{job_id}/certificate.json"]["get"]["responses"]["200"]["content"]
    request = api.record(job_id).vote_request
    for phase in request.phases:
        for first, count in phase.cut(50).spans(phase.samples):
            shard = Shard(phase=phase.phase, first=first, count=count)
            assert api.board.lease(job_id, shard, "test")
            assert api.board.record_votes(job_id, shard, request.fingerprint, [count, 0]).counted
        api.board.select(job_id, 0, request.n0)
    answer = answer_of(api.board, job_id, index=0, certificate=signed["application/json"]["example"])
    assert api.board.finish(job_id, answer)


def told(response: httpx.Response, asked: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
    """All that an answer tells, without what was asked and what differs from one to the next."""
    headers = {name: value for name, value in response.headers.items() if not name.startswith(PASSING)}
    text = response.text
    for value in sorted(asked.values(), key=len, reverse=True):
        text = text.replace(value, "*")
    headers.pop("content-length", None)
    return response.status_code, headers, text


def test_routes_when_there_is_another(owners: Owners) -> None:
    """Every route of the description is tried here: each is public, or on the list that the cases are made of."""
    paths = owners.api.client.get("/openapi.json").json()["paths"]
    described = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert described <= SCOPES.keys() | PUBLIC
    placeholders = {name for _, path in described for name in re.findall(r"{(\w+)}", path)}
    assert placeholders <= STRANGE.keys(), "say in STRANGE, and in `world_of`, what the new one stands for"


@pytest.mark.parametrize(("method", "path", "name"), CASES)
def test_second_key_when_it_knows_the_names(owners: Owners, method: str, path: str, name: str) -> None:
    """It is answered as about what nobody has, to the letter; without a key, all are told that one is needed."""
    theirs = {**owners.known, "name": name}
    response = owners.ask(owners.second, method, path, theirs)
    strange = owners.ask(owners.second, method, path, STRANGE)
    assert response.status_code == 404
    assert told(response, theirs) == told(strange, STRANGE)
    nameless = owners.ask({}, method, path, theirs)
    assert nameless.status_code == 401
    assert told(nameless, theirs) == told(owners.ask({}, method, path, STRANGE), STRANGE)


@pytest.mark.parametrize(("method", "path"), [case for case in OPERATIONS if case[0] == "GET"])
def test_first_key_when_it_asks(owners: Owners, method: str, path: str) -> None:
    """What the second one is not told is there: else its cases would show nothing."""
    if path.startswith("/tasks/{name}/re") or path == "/tasks/{name}/denoised.png":
        path += "?version=2"
    headers = {**owners.first, "Last-Event-ID": "done"} if path.endswith("/events") else owners.first
    assert owners.ask(headers, method, path, owners.known).status_code in (200, 204), path


@pytest.mark.parametrize("path", LISTS)
def test_list_when_the_second_key_reads_it(owners: Owners, path: str) -> None:
    """Nothing in it tells of the first; nor does what watches the whole service, to the operator itself."""
    watched = ["/metrics", *(probe for _, probe in PROBES)]
    for by in (owners.second, owners.operator) if path in watched else (owners.second,):
        response = owners.api.client.get(path, headers=dict(by))
        answer = f"{response.headers} {response.text}"
        found = [canary for canary in owners.canaries if canary.lower() in answer.lower()]
        assert found == [], path


@pytest.mark.parametrize(
    ("path", "placeholder"), [("/ledger?image={sha256}", "sha256"), ("/jobs?after={job_id}", "job_id"),
                              ("/batches?after={batch_id}", "batch_id")],
)  # fmt: skip
def test_query_when_it_names_what_the_first_has(owners: Owners, path: str, placeholder: str) -> None:
    """It is answered as one that names nothing."""
    theirs, strange = ({placeholder: ids[placeholder]} for ids in (owners.known, STRANGE))
    answers = [owners.ask(owners.second, "GET", path, ids) for ids in (theirs, strange)]
    assert told(answers[0], theirs) == told(answers[1], strange)


@pytest.mark.parametrize("version", ["", "@2"])
@pytest.mark.parametrize("name", [TASK, TASK_ID])
@pytest.mark.parametrize("path", ["/predict", "/certify", "/batches"])
def test_task_when_the_second_key_asks_with_it(
    owners: Owners, picture: bytes, path: str, name: str, version: str
) -> None:
    """There is no such task."""
    field = "images" if path == "/batches" else "image"
    kind = {"kind": "predict"} if path == "/batches" else {}

    def ask(task: str) -> httpx.Response:
        data, files = {"task": task + version, **kind}, {field: picture}
        return owners.api.client.post(path, files=files, data=data, headers=dict(owners.second))

    strange = "0" * 16 if name == TASK_ID else STRANGE["name"]
    response = ask(name)
    assert response.status_code == 404
    assert told(response, {"name": name}) == told(ask(strange), {"name": strange})


def test_same_question_when_the_second_key_asks_it(owners: Owners, picture: bytes, tmp_path: Path) -> None:
    """It is a job of its own, that began when it was asked, with nothing done yet; the other's answer is no answer."""
    by = {**owners.second, "Prefer": "respond-async", "Idempotency-Key": "canary-1"}
    before = time.time()
    response = owners.api.client.post("/certify", headers=by, files={"image": picture}, data={"labels": LABELS})
    job = response.json()
    assert (response.status_code, job["status"], job["progress"]["done"]) == (202, "queued", 0)
    assert job["id"] not in owners.canaries
    assert job["created_at"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before))
    assert owners.api.client.delete(f"/jobs/{job['id']}/data", headers=dict(owners.second)).status_code == 204


def test_first_key_when_the_second_has_tried_all(owners: Owners) -> None:
    """All that it has is still there."""
    for method, path in OPERATIONS:
        owners.ask(owners.second, method, path, owners.known)
    jobs = owners.api.client.get("/jobs", headers=dict(owners.first)).json()["data"]
    assert len(jobs) == 6
    assert {job["status"] for job in jobs} == {"succeeded", "queued"}
    tasks = owners.api.client.get("/tasks", headers=dict(owners.first)).json()["tasks"]
    assert [task["name"] for task in tasks] == [TASK]
    usage = owners.api.client.get("/usage", headers=dict(owners.first)).json()
    assert usage["stored"]["images"] == 1
    image = owners.known["sha256"]
    assert (owners.api.settings.state.images / image[:2] / image).is_file()
