"""The Python client against a live service: what it asks is what the service takes, and what comes is what it reads."""

import asyncio
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from adapters.contract.access import Allowance, Scope
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from robustify_client import (
    AccessRefused,
    AsyncClient,
    Client,
    ImageLike,
    ImageRefused,
    JobCanceled,
    LimitReached,
    NotFound,
    RequestRefused,
    Retries,
    StillRunning,
    Unavailable,
    verify,
)
from tests.serving import app_without_queue, served
from tests.threaded_server import ThreadedServer

LABELS = ["left", "right"]


@pytest.fixture
def client(working_api) -> Iterator[Client]:
    """Of an API with a worker."""
    with Client(str(working_api.client.base_url)) as client:
        yield client


@pytest.fixture
def idle(api) -> Iterator[Client]:
    """Of an API without one: its jobs wait."""
    with Client(str(api.client.base_url)) as client:
        yield client


def test_day_of_a_client(client: Client, picture: bytes) -> None:
    """Predictions, certificates, batches, plans, keys, and what is known of all of them."""
    assert client.ready().workers == 1
    assert next(model for model in client.models() if model.served).name == "oracle-linear"

    predicted = client.predict(picture, LABELS)
    assert predicted.label in LABELS
    assert not predicted.is_abstention

    job = client.certify(picture, LABELS, n=400, wait=False)
    events = list(job.events())
    assert events[-1].job is not None
    assert job.wait().radius == job.result.radius
    assert json.loads(job.certificate()) == job.result.certificate

    checked = verify(job.certificate(), image=picture, keys=client.keys())
    assert (checked.valid, checked.verdict) == (True, "valid"), checked
    assert client.verify(job.result.certificate or {}).valid
    forged = verify({**(job.result.certificate or {}), "radius": 9.0}, keys=client.keys())
    assert not forged.valid

    lines = client.batch([picture, b"no picture"], LABELS, n=100).wait(timeout=60)
    assert [line.status for line in lines] == ["succeeded", "refused"]
    assert lines[1].error is not None
    assert client.batches()[0].progress.unit == "images"

    assert client.plan(0.1, p=[0.9], sigma=0.25).costs[0].adaptive is not None
    assert client.usage(days=2).days[0].samples > 0
    assert {one.kind for one in client.jobs()} == {"certify", "predict"}
    assert {one.status for one in client.jobs(kind="certify")} == {"succeeded"}

    assert client.job(job.id).result == job.result
    job.forget()
    with pytest.raises(NotFound):
        client.job(job.id)
    client.forget_image(predicted.input.sha256)
    assert b'"certificates"' in client.fetch("/ledger")


def test_preview(client: Client, picture: bytes) -> None:
    """A look at what the models see: typed, with its pictures as files, and counted nowhere."""
    job = client.preview(picture, LABELS, sigma=0.5, radius=0.5, direction="random", wait=False)
    found = job.wait()
    assert found.change is not None
    assert (found.sigma, found.change.radius, found.change.direction) == (0.5, 0.5, "random")
    assert [shown.name for shown in found.pictures] == ["canonical", "noisy", "denoised", "difference"]
    for shown in found.pictures:
        assert Image.open(io.BytesIO(job.picture(shown.name))).size == (shown.width, shown.height)
    assert client.preview(picture, LABELS, draw=3).change is None
    with pytest.raises(NotFound):
        job.picture("thumbnail")
    with pytest.raises(RequestRefused, match="direction"):
        client.preview(picture, LABELS, radius=0.5)
    assert json.loads(client.fetch("/ledger"))["predictions"]["issued"] == 0

    async def look() -> None:
        async with AsyncClient(client.url) as asked:
            job = await asked.preview(picture, LABELS, draw=4, wait=False)
            assert (await job.wait()).seen.plain in (*LABELS, None)
            assert (await job.picture("noisy")).startswith(b"\x89PNG")

    asyncio.run(look())


def test_tasks(adapting_api) -> None:
    """Tasks and their versions are read, chosen and deleted; an adaptation is a job as any other."""
    name = "Müller's pets, 50 + 1"
    adapting_api.store_task(name)
    adapting_api.store_task(name)
    with Client(str(adapting_api.client.base_url)) as client:
        task = client.task(name)
        assert (task, task.labels) == (client.tasks()[0], ("cat", "dog"))
        numbers = [version.number for version in client.task_versions(task.id)]
        assert numbers == [*range(1, task.versions + 1)]
        assert client.use_version(name, 1).current == 1
        client.delete_task(name)
        assert client.tasks() == ()
        job = client.adapt("birds", ["robin", "wren"], steps=2, shots=1, wait=False)
        assert (job.progress.unit, job.cancel().status) == ("steps", "canceled")


def test_images_of_every_kind(client: Client, picture: bytes) -> None:
    """The same pixels as a file, a picture and arrays are one image to the service."""
    opened = Image.open(io.BytesIO(picture))
    levels = np.asarray(opened)
    kinds: list[ImageLike] = [picture, opened, levels, levels.astype(np.float64) / 255]
    found = {client.predict(image, LABELS).input.sha256 for image in kinds}
    assert len(found) == 1


def test_many_images(client: Client, picture: bytes) -> None:
    """Each has its answer in its place; figures follow from them."""
    shades = [np.full((32, 32, 3), shade, np.uint8) for shade in range(0, 250, 25)]
    items = list(client.map([*shades, b"no picture"], LABELS, concurrency=4))
    assert [item.index for item in items] == [*range(11)]
    assert all(item.result for item in items[:10])
    assert isinstance(items[10].error, ImageRefused)

    answers = [item.result.label or LABELS[0] for item in items[:10] if item.result]
    found = client.evaluate(list(zip(shades, answers, strict=True)), LABELS, kind="certify", n=200)
    assert (found.images, found.failed) == (10, 0)
    assert found.accuracy == sum(row.label == row.truth for row in found.rows) / 10


def test_async_client(client: Client, picture: bytes) -> None:
    """Many questions at once on one event loop."""

    async def ask() -> None:
        async with AsyncClient(client.url) as asked:
            first, *others = await asyncio.gather(*(asked.predict(picture, LABELS, n=100 + i) for i in range(8)))
            assert {one.label for one in others} == {first.label}
            job = await asked.certify(picture, LABELS, n=300, wait=False)
            events = [event async for event in job.events()]
            assert events[-1].job is not None
            assert (await job.wait()).outcome == job.result.outcome
            assert (await asked.verify(await job.certificate())).valid
            items = [item async for item in asked.map([picture, b"no picture"], LABELS)]
            assert [item.error is None for item in items] == [True, False]
            assert [one.kind async for one in asked.jobs()].count("certify") == 1

    asyncio.run(ask())


def test_cancelled_coroutine(client: Client, picture: bytes) -> None:
    """Whoever waits no longer leaves nothing open; the job goes on and is found again."""

    async def ask() -> str:
        async with AsyncClient(client.url) as asked:
            job = await asked.certify(picture, LABELS, n=5000, wait=False)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(job.wait(), 0.05)
            return job.id

    assert client.job(asyncio.run(ask())).wait(timeout=60).outcome


def test_job_that_waits(idle: Client, picture: bytes) -> None:
    """It can be waited for only so long, watched, and canceled."""
    with pytest.raises(StillRunning) as caught:
        idle.predict(picture, LABELS, n=431, timeout=0.3)
    assert caught.value.job is not None
    job = idle.job(caught.value.job.id)
    with pytest.raises(StillRunning):
        _ = job.result
    threading.Timer(0.5, job.cancel).start()
    with pytest.raises(JobCanceled):
        idle.job(job.id).wait(timeout=30)
    assert job.cancel().status == "canceled"
    with pytest.raises(Unavailable):
        idle.ready()


def test_request_that_is_refused(idle: Client, picture: bytes) -> None:
    """The error names the field and says what would do."""
    with pytest.raises(RequestRefused) as caught:
        idle.predict(picture, ["left"], n=-1)
    assert {field.field for field in caught.value.fields} == {"labels", "n"}
    assert caught.value.type == "/problems/invalid-input"
    assert caught.value.request_id
    for image in (b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(100), b"GIF89a" + bytes(100)):
        with pytest.raises(ImageRefused):
            idle.predict(image, LABELS)
    with pytest.raises(ImageRefused, match="10"):
        idle.predict(bytes(11 << 20), LABELS)
    with pytest.raises(RequestRefused, match="misspelt"):
        idle.predict(picture, LABELS, misspelt=3)  # type: ignore[call-overload]
    with pytest.raises(NotFound):
        idle.task("no such task")


def test_answer_that_is_lost(api, picture: bytes) -> None:
    """A submission that is sent twice under its key is one job."""
    with lossy(str(api.client.base_url)) as (url, passed), Client(url) as client:
        job = client.certify(picture, LABELS, n=1213, wait=False)
    assert len(passed) == 2
    assert passed[0] == passed[1] == job.id


def test_keys(tmp_path: Path) -> None:
    """Without a key, with a wrong one, and with more requests than it may: each is an error of its own."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, keyless="nobody")
    key = ApiKeyStore(settings.state.api_keys).create(
        "test", time.time(), frozenset({Scope.READ}), Allowance(requests_per_minute=3)
    )
    with served(settings, app_without_queue(settings)) as running:
        url = str(running.client.base_url)
        for wrong in (None, "rk_wrong"):
            with Client(url, wrong) as client, pytest.raises(AccessRefused):
                client.tasks()
        with Client(url, key.token, retries=Retries(seconds=0.5)) as client:
            for _ in range(3):
                client.tasks()
            with pytest.raises(LimitReached) as caught:
                client.tasks()
    assert caught.value.retry_after


@contextmanager
def lossy(service: str) -> Iterator[tuple[str, list[str]]]:
    """A proxy that passes submissions on, but loses the first answer; and the ids of the jobs that it has seen."""
    passed = list[str]()

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept = {name: self.headers[name] for name in ("Content-Type", "Idempotency-Key", "Prefer")}
            answer = httpx.post(f"{service}{self.path}", content=body, headers=kept)
            passed.append(answer.json()["id"])
            if len(passed) > 1:
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadedServer(Proxy) as server:
        yield server.url, passed
