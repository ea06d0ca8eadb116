"""The life of a job over real HTTP: submitted, waited for, followed, canceled; and what the service says of itself."""

import base64
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import redis
from PIL import Image

from adapters.contract.jobs import JobError, WorkerRecord
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.queue.server import EmbeddedServer
from adapters.queue.written import File
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.errors import QueueUnavailableError

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

JOB_FIELDS = [
    "id",
    "kind",
    "status",
    "done",
    "created_at",
    "started_at",
    "ended_at",
    "progress",
    "params",
    "result",
    "error",
    "links",
    "advice",
]
NOTHING_BESIDE = {"place": None, "seconds_left": None, "votes": None}
ISO_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
Ask = Callable[..., httpx.Response]
StartApi = Callable[[Settings], "Api"]


@pytest.fixture
def ask(api: "Api") -> Ask:
    """Asks for a prediction with n = 200 for an image that nobody asked about before."""
    image = np.random.default_rng().integers(0, 256, (32, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")

    def ask(path: str = "/predict", prefer: str | None = "wait=0", **fields: Any) -> httpx.Response:
        data = {"labels": ["cat", "dog"], "n": 200, **fields}
        headers = {} if prefer is None else {"Prefer": prefer}
        return api.client.post(path, files={"image": buffer.getvalue()}, data=data, headers=headers)

    return ask


def events_of(response: httpx.Response) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif event:
            yield event
            event = {}


def test_accepted(api: "Api", ask: Ask) -> None:
    """A job that is not done is a 202 with its place and the whole job, with all defaults filled in."""
    response = ask()
    job = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/jobs/{job['id']}"
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["preference-applied"] == "wait=0"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert list(job) == JOB_FIELDS
    assert (job["kind"], job["status"], job["done"]) == ("predict", "queued", False)
    assert ISO_UTC.fullmatch(job["created_at"])
    assert job["progress"] == {"done": 0, "total": 200, "unit": "samples", **NOTHING_BESIDE}
    assert job["params"] == {
        "labels": ["cat", "dog"],
        "task": None,
        "version": None,
        "adaptation": None,
        "template": "This is a photo of a {}",
        "classifier": "default",
        "sigma": 0.25,
        "noise": "gaussian",
        "n": 200,
        "alpha": 0.001,
        "test": "fixed",
    }
    path = f"/jobs/{job['id']}"
    assert job["links"] == {"self": path, "events": f"{path}/events", "cancel": path}
    read = api.client.get(path).json()
    assert read["progress"].pop("place") >= 1
    assert {**read, "progress": {**read["progress"], "place": None}} == job


def test_certify_defaults(api: "Api", picture: bytes) -> None:
    """A certificate is never waited for unless the client wants it, and has the paper's defaults."""
    response = api.client.post("/certify", files={"image": picture}, data={"labels": ["cat", "dog"]})
    assert response.status_code == 202
    assert "preference-applied" not in response.headers
    params = response.json()["params"]
    names = ("n0", "n", "alpha", "sigma", "target_radius", "tolerance", "bound")
    assert {name: params[name] for name in names} == {
        "n0": 100,
        "n": 10_000,
        "alpha": 0.001,
        "sigma": 0.25,
        "target_radius": None,
        "tolerance": None,
        "bound": "multiclass",
    }


def test_json_and_form(api: "Api", picture: bytes) -> None:
    """The same request as JSON and as a form is the same job."""
    body = {"image": base64.b64encode(picture).decode(), "labels": ["cat", "owl"], "sigma": 0.5, "task": None}
    fields = {"labels": ["cat", "owl"], "sigma": "0.50"}
    first = api.client.post("/certify", json=body)
    second = api.client.post("/certify", files={"image": picture}, data=fields)
    assert first.json()["id"] == second.json()["id"]


def test_stored_tensor(api: "Api", picture: bytes) -> None:
    """The job names the canonical tensor, which is in the store, and the uploaded file."""
    job = api.client.post("/certify", files={"image": picture}, data={"labels": ["cat", "dog"]}).json()
    image = api.record(job["id"]).vote_request.image
    tensor = ImageStore(api.settings.state.images).get(image.sha256)
    expected = np.asarray(Image.open(io.BytesIO(picture)), dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(tensor, expected)
    assert (image.height, image.width, image.source_norm) == (32, 32, 1.0)


@pytest.mark.parametrize("path", ["/predict", "/certify", "/batches"])
def test_job_that_the_queue_server_may_forget(
    api: "Api", picture: bytes, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """It is not said to be accepted: a server that was killed before it had written says nothing any more."""

    looks = iter([File(100, 40)])

    def is_gone(connection: redis.Redis) -> File:
        if (found := next(looks, None)) is None:
            raise QueueUnavailableError("the queue server does not answer: start it")
        return found

    monkeypatch.setattr("adapters.queue.watching.file_of", is_gone)
    files = {"images" if path == "/batches" else "image": picture}
    fields = {"labels": ["cat", "dog"], **({"kind": "predict"} if path == "/batches" else {})}
    answer = api.client.post(path, files=files, data=fields, headers={"Prefer": "respond-async"})
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0


def test_done_within_wait(api: "Api", ask: Ask) -> None:
    """A job that is done within the wait is a 200 with its result, soon after it is done."""
    job_id = ask().json()["id"]
    worker = threading.Timer(0.3, api.run, [job_id])
    worker.start()
    started = time.monotonic()
    response = ask(prefer="wait=20")
    assert 0.2 < time.monotonic() - started < 15
    worker.join()
    job = response.json()
    assert response.status_code == 200
    assert "location" not in response.headers
    assert (job["id"], job["status"], job["done"]) == (job_id, "succeeded", True)
    assert job["result"]["outcome"] == "predicted"
    assert job["progress"] == {"done": 200, "total": 200, "unit": "samples", **NOTHING_BESIDE}
    assert ISO_UTC.fullmatch(job["ended_at"])


def test_asked_again(api: "Api", ask: Ask) -> None:
    """What is known is answered at once, without a wait."""
    api.run(ask().json()["id"])
    again = ask(prefer="respond-async")
    assert again.status_code == 200
    assert again.json()["done"]


def test_failed_job(api: "Api", ask: Ask) -> None:
    """A job that failed is a 200: its own error stands in it, typed as other problems are."""
    job_id = ask().json()["id"]
    api.board.fail(job_id, JobError(type="model-failed", title="The model failed", detail="Try again."))
    response = api.client.get(f"/jobs/{job_id}")
    assert response.status_code == 200
    assert response.json()["status"] == "failed"
    error = {"type": "/problems/model-failed", "title": "The model failed", "detail": "Try again."}
    assert response.json()["error"] == error


def test_wait_ends(ask: Ask) -> None:
    """A wait that is over is a 202 and no longer than was asked for."""
    started = time.monotonic()
    response = ask(prefer="wait=1")
    assert 0.9 < time.monotonic() - started < 15
    assert response.status_code == 202


def test_waiting_holds_nobody_up(api: "Api", ask: Ask) -> None:
    """While many wait for answers, others are served: none of the many has its answer by then."""
    waiting = [threading.Thread(target=ask, kwargs={"prefer": "wait=25"}) for _ in range(20)]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    assert api.client.get("/healthz").status_code == 200
    job = ask()
    assert job.status_code == 202
    assert all(thread.is_alive() for thread in waiting)
    api.run(job.json()["id"])
    for thread in waiting:
        thread.join()


def test_read_with_wait(api: "Api", ask: Ask) -> None:
    """A job can be waited for when it is read."""
    job_id = ask().json()["id"]
    worker = threading.Timer(0.2, api.run, [job_id])
    worker.start()
    response = api.client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=10.5"})
    worker.join()
    assert response.json()["done"]
    assert response.headers["preference-applied"] == "wait=10.5"


def test_cancel(api: "Api", ask: Ask) -> None:
    """Canceling ends a job; canceling again changes nothing."""
    job_id = ask().json()["id"]
    first, second = (api.client.delete(f"/jobs/{job_id}") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["status"] == "canceled"
    assert first.json() == second.json()


def test_cancel_what_was_asked_for_twice(api: "Api", ask: Ask) -> None:
    """One DELETE ends the job for everybody, also for who waits for it; asked for again, it is a new job."""
    job_id = ask().json()["id"]
    canceling = threading.Timer(0.3, api.client.delete, [f"/jobs/{job_id}"])
    canceling.start()
    waited = ask(prefer="wait=20")
    canceling.join()
    assert (waited.status_code, waited.json()["id"], waited.json()["status"]) == (200, job_id, "canceled")
    assert api.client.delete(f"/jobs/{job_id}").json() == waited.json()
    again = ask().json()
    assert again["id"] != job_id
    assert again["status"] == "queued"


def test_cancel_done(api: "Api", ask: Ask) -> None:
    """A job that is done stays done when it is canceled."""
    job_id = ask().json()["id"]
    api.run(job_id)
    assert api.client.delete(f"/jobs/{job_id}").json()["status"] == "succeeded"


def test_events(api: "Api", ask: Ask) -> None:
    """Progress comes as it is made, then the whole job, then the stream ends."""
    job_id = ask().json()["id"]
    received: list[dict[str, str]] = []
    with api.client.stream("GET", f"/jobs/{job_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for event in events_of(response):
            if not received:
                api.run(job_id, shards=2)
            elif json.loads(event["data"]).get("progress", {}).get("done") == 100:
                api.board.cancel(job_id)
            received.append(event)
    assert [event["event"] for event in received][-1] == "done"
    assert {event["event"] for event in received[:-1]} == {"progress"}
    steps = [json.loads(event["data"]) for event in received]
    assert steps[0]["progress"].pop("place") >= 1
    assert steps[0] == {
        "status": "queued",
        "progress": {"done": 0, "total": 200, "unit": "samples", "seconds_left": None, "votes": None},
    }
    done = [step["progress"]["done"] for step in steps]
    assert done == sorted(done)
    assert steps[-1] == api.client.get(f"/jobs/{job_id}").json()


def test_events_resumed(api: "Api", ask: Ask) -> None:
    """A client that comes back gets what it has not seen; after the last event it is told to stay away."""
    job_id = ask().json()["id"]
    api.run(job_id)
    url = f"/jobs/{job_id}/events"
    with api.client.stream("GET", url, headers={"Last-Event-ID": "50"}) as response:
        events = list(events_of(response))
    assert [(event["event"], event["id"]) for event in events] == [("done", "done")]
    assert api.client.get(url, headers={"Last-Event-ID": "done"}).status_code == 204


def test_votes_when_they_may_be_watched(api: "Api", ask: Ask) -> None:
    """A sequential prediction shows those of the planned looks, on the job and in its events, and is charged for it; a
    fixed one shows none, and is not."""
    before = api.client.get("/ledger").json()["predictions"]["issued"]
    for test in ("sequential", "fixed"):
        job_id = ask(test=test, n=2000, labels=["cat", "dog"]).json()["id"]
        assert api.client.get(f"/jobs/{job_id}").json()["progress"]["place"] >= 1
        api.run(job_id, shards=2)
        progress = api.client.get(f"/jobs/{job_id}").json()["progress"]
        seen = [{"label": "cat", "count": progress["done"]}, {"label": "dog", "count": 0}]
        votes = seen if test == "sequential" else None
        assert (progress["votes"], progress["place"]) == (votes, None)
        with api.client.stream("GET", f"/jobs/{job_id}/events") as response:
            event = next(events_of(response))
            assert json.loads(event["data"])["progress"]["votes"] == votes
            api.board.cancel(job_id)
    assert api.client.get("/ledger").json()["predictions"]["issued"] == before + 1


def test_models(api: "Api") -> None:
    """The list says what is served, and the licence of each; profiles for tests appear only where they are served."""
    models = {model["name"]: model for model in api.client.get("/models").json()["models"]}
    assert models["oracle-linear"]["served"]
    assert not models["mini"]["served"]
    assert "oracle-coin" not in models
    assert all(model["licence"] for model in models.values())


def worker_of(engine: str) -> WorkerRecord:
    return WorkerRecord(name="test", profile="oracle-linear", engine=engine, started_at=0, shards_done=0)


def test_ready(api: "Api") -> None:
    """The service is ready while a worker with its models and settings lives, and says what is missing otherwise."""
    own = engine_digest(find_profile("oracle-linear"), api.settings)
    for engine, status in [
        (engine_digest(find_profile("oracle-coin"), api.settings), 503),
        (engine_digest(find_profile("oracle-linear"), api.settings.model_copy(update={"batch_size": 7})), 503),
        (own, 200),
    ]:
        api.board.register(worker_of(engine), ttl=30)
        assert api.client.get("/readyz").status_code == status
    assert api.client.get("/readyz").json()["workers"] == 1
    adapts = worker_of(own).model_copy(update={"name": "adapts", "kinds": (JobKind.ADAPT,)})
    api.board.register(adapts, ttl=30)
    assert api.client.get("/readyz").json()["workers"] == 1
    api.board.register(worker_of(own), ttl=0)
    response = api.client.get("/readyz")
    assert [error["field"] for error in response.json()["errors"]] == ["worker"]
    assert "retry-after" in response.headers


def test_store_not_writable(api_queue: EmbeddedServer, tmp_path: Path, start_api: StartApi, picture: bytes) -> None:
    """Without a store that can be written no image is taken, and the service is not ready."""
    (tmp_path / "images").write_text("no folder")
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url)
    client = start_api(settings).client
    assert "store" in [error["field"] for error in client.get("/readyz").json()["errors"]]
    response = client.post("/predict", files={"image": picture}, data={"labels": ["cat", "dog"]})
    assert (response.status_code, response.json()["type"]) == (503, "/problems/store-unavailable")


def test_store_almost_full(api_queue: EmbeddedServer, tmp_path: Path, start_api: StartApi) -> None:
    """With less free on the disk than is set, the service is not ready, and says what can be done; no file is left."""
    for floor, failing in ((0, ["worker"]), (1 << 60, ["store", "worker"])):
        settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, min_free_bytes=floor)
        response = start_api(settings).client.get("/readyz")
        assert response.status_code == 503
        assert [error["field"] for error in response.json()["errors"]] == failing
    assert "ROBUSTIFY_MIN_FREE_BYTES" in response.json()["detail"]
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_queue_takes_no_writes(queue_settings: Settings, connection: redis.Redis, start_api: StartApi) -> None:
    """A queue server without memory still answers, but the service is not ready."""
    client = start_api(queue_settings).client
    connection.config_set("maxmemory", 1)
    try:
        failing = [error["field"] for error in client.get("/readyz").json()["errors"]]
    finally:
        connection.config_set("maxmemory", 0)
    assert failing == ["queue", "worker"]
    assert [error["field"] for error in client.get("/readyz").json()["errors"]] == ["worker"]


def test_queue_full(api_queue: EmbeddedServer, tmp_path: Path, start_api: StartApi, picture: bytes, ask: Ask) -> None:
    """When as many jobs wait as may, the next one is refused for a while."""
    assert ask().status_code == 202
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, max_queued_jobs=1)
    client = start_api(settings).client
    response = client.post("/predict", files={"image": picture}, data={"labels": ["full", "empty"]})
    assert (response.status_code, response.json()["type"]) == (503, "/problems/queue-full")
    assert int(response.headers["retry-after"]) >= 1


def test_no_queue(tmp_path: Path, start_api: StartApi, picture: bytes) -> None:
    """Without a queue server the process lives, and everything else says within moments that it cannot be reached."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=f"unix://{tmp_path}/none.sock")
    client = start_api(settings).client
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/models").status_code == 200
    data = {"labels": ["cat", "dog"]}
    for response in (
        client.post("/predict", files={"image": picture}, data=data),
        client.get("/jobs/abc"),
        client.delete("/jobs/abc"),
        client.get("/jobs/abc/events"),
    ):
        assert (response.status_code, response.json()["type"]) == (503, "/problems/queue-unavailable")
        assert "retry-after" in response.headers
        assert "sock" not in response.text
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert [error["field"] for error in ready.json()["errors"]] == ["queue", "worker"]


def test_description(api: "Api") -> None:
    """The API description has both kinds of body, stable names, and problem documents; its page is served."""
    assert api.client.get("/docs").status_code == 200
    document = api.client.get("/openapi.json").json()
    operations = {
        operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()
    }
    assert set(operations) == {
        "predict",
        "certify",
        "preview",
        "getPicture",
        "listExamples",
        "plan",
        "getJob",
        "cancelJob",
        "followJob",
        "listModels",
        "getHealth",
        "getReadiness",
        "adapt",
        "listTasks",
        "getTask",
        "deleteTask",
        "listVersions",
        "setCurrentVersion",
        "listReferences",
        "getReference",
        "getContactSheet",
        "getDenoisedSheet",
        "getReport",
        "getCertificate",
        "getCertificateDocument",
        "getKey",
        "verifyCertificate",
        "getLedger",
        "createBatch",
        "listBatches",
        "getBatch",
        "cancelBatch",
        "getBatchResults",
        "zeroShotImageClassification",
        "getWebhookSecret",
        "listJobs",
        "deleteJob",
        "deleteImage",
        "getUsage",
        "getMetrics",
    }
    for name in ("predict", "certify"):
        assert set(operations[name]["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
        assert {"200", "202", "400", "413", "415", "422", "503"} <= set(operations[name]["responses"])
    for reference in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]
