"""A real API server on a free port, over a real queue server; tests play the worker where one is needed."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from PIL import Image

from adapters.contract.access import KEYLESS
from adapters.contract.jobs import AdaptRequest, JobRecord, Shard
from adapters.profiles.library import find_profile
from adapters.profiles.profile import Profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.adaptations import LORA
from adapters.store.places import places_of
from adapters.store.tasks import StoredTask, TaskStore
from robustify.smoothing.rules import Outcome
from robustify.types import Phase, Task
from service.app import create_app
from service.serving.run import server_of
from tests.answers import adapted, answer_of
from tests.serving import in_a_thread

SEED = 2**63 - 1


@dataclass(frozen=True)
class Api:
    """A running API, a client of it, and the board behind it."""

    client: httpx.Client
    board: JobBoard
    settings: Settings
    profile: Profile

    @property
    def tasks(self) -> TaskStore:
        return places_of(self.settings).tasks_of()

    def names(self) -> list[str]:
        """Of the tasks that the API lists."""
        return [task["name"] for task in self.client.get("/tasks").json()["tasks"]]

    def store_task(
        self, name: str, lora: bytes | None = None, job: str = "a job", models: str | None = None, answers: bool = True
    ) -> StoredTask:
        """Publishes a version of a task of two labels; with `lora`, one that was adapted."""
        models = models or self.profile.model_digest
        digest = None if lora is None else store_adaptation(self.settings, lora, models)
        task = Task(("cat", "dog"))
        return self.tasks.publish(name, task, job, time.time(), digest, models if digest else None, answers)

    def finish_adaptation(self, job_id: str, lora: bytes | None) -> StoredTask:
        """Does what a worker would: publishes what was adapted, and ends the job."""
        record = self.record(job_id)
        assert isinstance(record.request, AdaptRequest)
        shard = Shard(phase=Phase.ADAPT, first=0, count=record.samples_total)
        assert self.board.lease(job_id, shard, "test")
        task = self.store_task(record.request.name, lora, job_id, record.request.models)
        assert self.board.complete(job_id, shard, "test", adapted(record.request.name))
        return task

    def run(self, job_id: str, shards: int | None = None) -> JobRecord:
        """Does what a worker would: all votes for the first class, for so many shards of a prediction or for all."""
        record = self.record(job_id)
        job_id = record.job
        for planned in record.vote_request.phases:
            cut = planned.cut(self.settings.shard_samples or 500)
            for first, count in islice(cut.spans(planned.samples), shards):
                shard = Shard(phase=planned.phase, first=first, count=count)
                self.board.lease(job_id, shard, "test")
                votes = [shard.count, *(0 for _ in record.request.labels[1:])]
                assert self.board.record_votes(job_id, shard, record.vote_request.fingerprint, votes).counted
            if shards is None and planned.phase == "select":
                self.board.select(job_id, 0, planned.samples)
        if shards is None:
            outcome = "predicted" if record.request.kind == "predict" else Outcome.ABSTAINED
            assert self.board.finish(job_id, answer_of(self.board, job_id, outcome=outcome, index=0))
        return self.record(job_id)

    def record(self, job_id: str) -> JobRecord:
        """Of a job by its own id, or by that of a ticket of who needs no key."""
        record = self.board.get(job_id) or self.board.held(job_id, KEYLESS)
        assert record is not None
        return record


@pytest.fixture(scope="session")
def api_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A queue server that no worker of another test knows of."""
    with EmbeddedServer(tmp_path_factory.mktemp("queue")) as server:
        yield server


@pytest.fixture(scope="session")
def api(api_queue: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API of profile oracle-linear; no worker lives."""
    settings = Settings(
        profile="oracle-linear",
        state_dir=tmp_path_factory.mktemp("state"),
        redis_url=api_queue.url,
        shard_samples=50,
    )
    with running_api(settings) as started:
        yield started


@pytest.fixture(scope="session")
def adapting_profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """Profile mini with other files, in a folder that has a generator."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "manifest.json").write_text("{}")
    (folder / "generator").mkdir()
    return replace(find_profile("mini"), folder=folder)


@pytest.fixture
def adapting_api(api_queue: EmbeddedServer, tmp_path: Path, adapting_profile: Profile) -> Iterator[Api]:
    """An API whose profile can adapt, without tasks; no worker lives."""
    settings = Settings(profile="mini", state_dir=tmp_path, redis_url=api_queue.url)
    with running_api(settings, adapting_profile) as started:
        # Few adaptations of one owner may wait, and another file's test may have left some.
        for job in started.client.get("/jobs", params={"kind": "adapt", "status": "queued"}).json()["data"]:
            started.client.delete(job["links"]["cancel"])
        yield started


@pytest.fixture
def start_api() -> Iterator[Callable[..., Api]]:
    """Starts further APIs with other settings, and ends them after the test."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(running_api(*arguments))


@contextmanager
def running_api(settings: Settings, profile: Profile | None = None) -> Iterator[Api]:
    """As it is served, in a thread of the tests, on a port of its own choice; `profile` stands in for the settings'."""
    assert settings.redis_url is not None
    board = JobBoard(connect(settings.redis_url), settings)
    app = create_app(settings, board, places_of(settings).images)
    profile = profile or find_profile(settings.profile)
    app.state.service = replace(app.state.service, profile=profile)
    server = server_of(app, settings.model_copy(update={"port": 0}))
    with (
        in_a_thread(server, app) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield Api(client, board, settings, profile)


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG file of the canonical size."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def store_adaptation(settings: Settings, lora: bytes, models: str) -> str:
    """Stores what an adaptation would have made, with one reference image of each label; returns its digest."""
    references = [
        {"file": f"{index:04d}-000.png", "label": label, "index": index, "shot": 0, "seed": SEED, "held_back": False}
        | {"prompt": f"This is a photo of a {label}"}
        for index, label in enumerate(("cat", "dog"))
    ]
    judged = {"sigma": 0.25, "images": 4, "certified_accuracy": {"0.0": 0.5}, "acr": 0.1}
    figures = {"before": [{**judged, "accuracy": 0.5}], "after": [{**judged, "accuracy": 0.6}]}
    with TemporaryDirectory() as folder:
        made = Path(folder)
        (made / LORA).write_bytes(lora)
        (made / "references").mkdir()
        for index, reference in enumerate(references):
            Image.new("RGB", (32, 32), (index, 0, 0)).save(made / "references" / str(reference["file"]))
        (made / "references.png").write_bytes(b"contact sheet")
        (made / "denoised.png").write_bytes(b"denoised sheet")
        (made / "report.json").write_text(json.dumps({**figures, "no_worse": True, "losses": {}}))
        about = {"references": references, "figures": {**figures, "no_worse": True}}
        return places_of(settings).adaptations.add(made, models, about).digest


@pytest.fixture
def working_api(
    queue_settings: Settings,
    start_api: Callable[[Settings], Api],
    start_loaded_worker: Callable[[], Any],
    wait_until: Callable[..., None],
) -> Api:
    """An API with a worker of its profile, which share a state folder."""
    api = start_api(queue_settings)
    start_loaded_worker()
    wait_until(lambda: api.client.get("/readyz").status_code == 200)
    return api
