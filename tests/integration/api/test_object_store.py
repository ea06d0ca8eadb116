"""An API and a worker that share an object store and a queue server, and no folder: a real S3 server stands in."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from adapters.settings import Settings
from adapters.store import connecting
from adapters.store.object_store import RemoteObjects
from adapters.store.places import places_of
from tests.integration.api.conftest import Api
from tests.integration.conftest import ended, start_process
from tests.keys import NOISE_KEY_FILE
from tests.s3_server import CREDENTIALS, S3Server, running_s3_server

SLOW_WORKER = "tests/integration/fault_injection_worker.py"
FIELDS = {"labels": ["left", "right"], "n": "200"}


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with running_s3_server() as server:
        yield server


@pytest.fixture
def hosts(
    s3_server: S3Server, queue_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Settings, Settings]:
    """The settings of two machines, which have nothing in common but the servers and the keys."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connecting, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(connecting, "RETRY_SECONDS", 1.0)
    (tmp_path / "signing_key").write_text("ab" * 32)
    common = {
        "store": s3_server.url(tmp_path.name),
        "noise_key_file": NOISE_KEY_FILE,
        "signing_key_file": tmp_path / "signing_key",
    }
    one, two = (
        Settings.model_validate({**queue_settings.model_dump(), **common, "state_dir": tmp_path / name})
        for name in ("api", "worker")
    )
    return one.model_copy(update={"noise_key_file": None}), two


@pytest.fixture
def service(
    hosts: tuple[Settings, Settings], start_api: Callable[[Settings], Api], wait_until: Callable[..., None]
) -> Iterator[Api]:
    """The worker is no fork of ours: it finds the credentials in its environment."""
    api = start_api(hosts[0])
    with ended() as processes:
        processes.append(start_process([SLOW_WORKER, "--batch-seconds", "0.02"], hosts[1]))
        wait_until(lambda: api.client.get("/readyz").status_code == 200)
        yield api


def predict(client: httpx.Client, picture: bytes, wait: int = 20, **fields: object) -> httpx.Response:
    data = {**FIELDS, **fields}
    return client.post("/predict", files={"image": picture}, data=data, headers={"Prefer": f"wait={wait}"})


def test_question_when_hosts_share_no_folder(
    service: Api, hosts: tuple[Settings, Settings], picture: bytes, tmp_path: Path
) -> None:
    """It is answered, and again when the queue server has forgotten it; the API knows public keys, and no secret."""
    first = predict(service.client, picture).json()
    assert first["status"] == "succeeded"
    service.board._connection.flushall()
    again = predict(service.client, picture).json()
    assert again["result"] == first["result"]
    assert service.client.get("/certificates/key").status_code == 200
    assert {path.name for path in (tmp_path / "api").glob("*")} <= {"cache", "uploads"}
    erased = service.client.delete(f"/jobs/{again['id']}/data")
    assert erased.status_code == 204
    service.board._connection.flushall()
    image = first["result"]["input"]["sha256"]
    assert list(places_of(hosts[0]).objects.below(f"outcomes/{image[:2]}/{image}").entries()) == []


def test_task_when_hosts_share_no_folder(service: Api) -> None:
    """Its labels and pictures are read where they were not made; when it is deleted, nothing of it is left."""
    task = service.store_task("pets", b"tensors")
    assert service.names() == ["pets"]
    assert service.client.get("/tasks/pets/references.png").content == b"contact sheet"
    assert service.client.delete("/tasks/pets").status_code == 204
    objects = places_of(service.settings).objects
    assert task.version().adaptation
    assert [entry.name for kind in ("tasks", "adaptations") for entry in objects.below(kind).entries()] == []


def test_store_that_is_away(service: Api, s3_server: S3Server, picture: bytes, wait_until: Callable[..., None]) -> None:
    """Who asks is told when to come again, work is given back, and all of it is answered once the store is there."""
    job = predict(service.client, picture, wait=0, n="2000").json()
    wait_until(lambda: service.client.get(f"/jobs/{job['id']}").json()["status"] == "running")
    s3_server.process.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        refused = predict(service.client, picture, n="300")
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (503, "store-unavailable")
        assert refused.headers["Retry-After"]
        assert time.monotonic() - begun < 20
        assert service.client.get("/healthz").status_code == 200
        wait_until(lambda: service.client.get("/readyz").status_code == 503)
        assert not service.client.get(f"/jobs/{job['id']}").json()["done"]
    finally:
        s3_server.process.send_signal(signal.SIGCONT)
    wait_until(lambda: service.client.get(f"/jobs/{job['id']}").json()["status"] == "succeeded")
    wait_until(lambda: predict(service.client, picture, n="300").status_code == 200)


def test_image_when_it_is_sent_while_it_is_removed(
    service: Api, hosts: tuple[Settings, Settings], picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new job has its image: it was stored once more, after it was gone."""
    first = predict(service.client, picture).json()
    image = first["result"]["input"]["sha256"]
    service.client.delete(f"/jobs/{first['id']}/data")
    remove, asked = RemoteObjects.remove, list[httpx.Response]()
    asking = threading.Thread(target=lambda: asked.append(predict(service.client, picture, alpha="0.01")))

    def remove_later(objects: RemoteObjects, name: str) -> None:
        if name.endswith(image):
            asking.start()
            time.sleep(0.5)  # The client finds the image there, and is done with storing it.
        remove(objects, name)

    monkeypatch.setattr(RemoteObjects, "remove", remove_later)
    assert service.board.remove_image(image, places_of(hosts[0]).images)
    asking.join()
    assert asked[0].json()["status"] == "succeeded", asked[0].text
