"""Adaptation by real workers with the bundled models: killed at every stage, interrupted, pinned, withdrawn."""

import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adapters.contract.adapt import AdaptParameters, adapt_request, stage_steps
from adapters.contract.certify import CertifyParameters
from adapters.contract.jobs import AdaptRequest, InputImage, JobRecord, JobStatus
from adapters.contract.records import JobKind
from adapters.preparation import CheckedRequest, asked_task, job_request
from adapters.profiles.library import served_profile
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from adapters.store.tasks import TaskStore
from adapters.store.tensors import ImageStore
from tests.answers import shown
from tests.forks import Fork
from tests.integration.little_evidence_worker import little_evidence, work_with_little_evidence
from tests.quick_profile import QUICK, write_quick_profile
from workers.adaptation.runner import adapt
from workers.commands.local import LocalAnswer

StartWorker = Callable[..., Fork]
WaitUntil = Callable[..., None]

LABELS = ("cat", "ship")
STAGES = ("synthesize", "personalize", "fine-tune", "evaluate")
SECONDS = 180.0
SMALL = {
    "shots": 1,
    "held_back": 1,
    "steps": 8,
    "batch_size": 4,
    "fine_tuning_steps": 6,
    "fine_tuning_batch_size": 4,
    "publish": "always",
}


@dataclass(frozen=True)
class Undisturbed:
    """The state folder of an adaptation that nothing happened to, and its digest."""

    state_dir: Path
    digest: str


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As the workers: other numbers of threads round otherwise, and must not wait for a core that a worker has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the profile of these tests."""
    return write_quick_profile(tmp_path_factory.mktemp("profiles"))


@pytest.fixture
def mini_settings(queue_settings: Settings, profiles: Path) -> Settings:
    ours = {"profile": QUICK, "profiles_dir": profiles, "lease_seconds": 2.0, "batch_size": 10}
    return queue_settings.model_copy(update=ours)


@pytest.fixture
def mini_board(board: JobBoard, mini_settings: Settings, connection: Any) -> JobBoard:
    return JobBoard(connection, mini_settings)


def request_of(settings: Settings, **changes: Any) -> AdaptRequest:
    values = {"name": "first", "labels": list(LABELS), **SMALL, **changes}
    return adapt_request(AdaptParameters.model_validate(values), served_profile(settings), settings)


def submit(board: JobBoard, request: AdaptRequest) -> JobRecord:
    return board.admit_adaptation(request, sum(stage_steps(request).values())).record


def current(board: JobBoard, job: JobRecord) -> JobRecord:
    record = board.get(job.id)
    assert record is not None
    return record


def result_of(board: JobBoard, job: JobRecord) -> Mapping[str, Any]:
    record = current(board, job)
    assert record.status is JobStatus.SUCCEEDED, record
    return shown(record)


def submit_certificate(board: JobBoard, settings: Settings, task: str, seed: int) -> JobRecord:
    """Asks for a certificate of a picture of its own, with a task."""
    profile = served_profile(settings)
    parameters = CertifyParameters(task=task, n=50, n0=20, sigma=0.25)
    tensor = np.random.default_rng(seed).uniform(size=(3, 32, 32)).astype(np.float32)
    image = InputImage(
        sha256=ImageStore(settings.state.images).put(tensor),
        height=32,
        width=32,
        source_sha256="0" * 64,
        source_norm=1.0,
    )
    asked = asked_task(parameters, profile, TaskStore(settings.state.tasks))
    question = CheckedRequest(JobKind.CERTIFY, parameters, asked, profile)
    return board.submit(job_request(question, image, settings), 100)


def answered_alone(job: JobRecord, settings: Settings) -> Mapping[str, Any]:
    """What models of this process answer to the same request, with nothing else to do."""
    image = ImageStore(settings.state.images).get(job.vote_request.image.sha256)
    return (
        LocalAnswer(job.vote_request, image, settings, lambda done, total: None).certificate().model_dump(mode="json")
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, profiles: Path) -> Undisturbed:
    """What the small request makes when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = Settings(profile=QUICK, profiles_dir=profiles, state_dir=folder, threads=1, batch_size=10)
    return Undisturbed(folder, adapted_here(request_of(settings), settings))


def adapted_here(request: AdaptRequest, settings: Settings) -> str:
    """The digest of what this process makes, judged by as few samples as in the workers of these tests."""
    with little_evidence():
        made = adapt(request, served_profile(settings), settings, request.name, lambda progress: None)
    assert made.digest is not None
    return made.digest


def test_workers_are_killed(
    undisturbed: Undisturbed,
    mini_board: JobBoard,
    mini_settings: Settings,
    start_loaded_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """One in every stage: each time the next one goes on in the same folder, and the last ends with the very same
    models."""
    job = submit(mini_board, request_of(mini_settings))
    for stage in STAGES:
        victim = start_loaded_worker(mini_settings, work_with_little_evidence)
        wait_until(lambda stage=stage: current(mini_board, job).stage == stage, SECONDS)
        victim.kill()
        victim.wait()
    start_loaded_worker(mini_settings, work_with_little_evidence)
    wait_until(lambda: current(mini_board, job).status.done, SECONDS)

    assert result_of(mini_board, job)["adaptation"] == undisturbed.digest
    assert not list((mini_settings.state.adapting).glob("*"))


def test_certificates_come_in_between(
    undisturbed: Undisturbed,
    mini_board: JobBoard,
    mini_settings: Settings,
    start_loaded_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """One worker: two tasks answer as on an idle server while a third version is made, each with its own models."""
    shutil.copytree(undisturbed.state_dir, mini_settings.state_dir, dirs_exist_ok=True)
    request = request_of(mini_settings, name="second", seed=2, steps=3, fine_tuning_steps=3)
    adapted_here(request, mini_settings)
    tasks = TaskStore(mini_settings.state.tasks)
    before = tasks.find("first")
    start_loaded_worker(mini_settings, work_with_little_evidence)
    work = submit(mini_board, request_of(mini_settings, name="first", seed=3))
    wait_until(lambda: current(mini_board, work).stage == "personalize", SECONDS)
    pinned = [submit_certificate(mini_board, mini_settings, name, seed=8) for name in ("first", "second")]
    wait_until(lambda: all(current(mini_board, job).status.done for job in pinned), SECONDS)
    was_busy = not current(mini_board, work).status.done
    wait_until(lambda: current(mini_board, work).status.done, SECONDS)

    assert was_busy
    assert tasks.find("first").current == before.current + 1
    for job in pinned:
        result = result_of(mini_board, job)
        model, alone = result["model"], answered_alone(job, mini_settings)
        assert model["fingerprint"] == job.vote_request.fingerprint
        assert model["adaptation"] == job.vote_request.adaptation != tasks.find("first").version().adaptation
        assert [result[name] for name in ("votes", "radius")] == [alone[name] for name in ("votes", "radius")]
    assert (
        result_of(mini_board, submit_certificate(mini_board, mini_settings, "first@1", seed=8))["model"]["version"] == 1
    )
    later = submit_certificate(mini_board, mini_settings, "first", seed=8)
    wait_until(lambda: current(mini_board, later).status.done, SECONDS)
    assert result_of(mini_board, later)["model"]["version"] == 2


def test_job_is_canceled(
    mini_board: JobBoard, mini_settings: Settings, start_loaded_worker: StartWorker, wait_until: WaitUntil
) -> None:
    """No task appears, the worker is free at once, and the same request goes on where the first one was."""
    start_loaded_worker(mini_settings)
    job = submit(mini_board, request_of(mini_settings, steps=500))
    wait_until(lambda: current(mini_board, job).stage == "personalize", SECONDS)
    wait_until(lambda: current(mini_board, job).samples_done >= 4 + 30, SECONDS)
    mini_board.cancel(job.id)
    other = submit(mini_board, request_of(mini_settings, name="labels alone", steps=0, fine_tuning_steps=0))
    wait_until(lambda: current(mini_board, other).status.done, SECONDS)
    assert [task.name for task in TaskStore(mini_settings.state.tasks).all()] == ["labels alone"]

    again = submit(mini_board, request_of(mini_settings, steps=500))
    assert again.id != job.id
    wait_until(lambda: current(mini_board, again).samples_done > 0, SECONDS)
    assert current(mini_board, again).samples_done >= 4 + 25
    mini_board.cancel(again.id)


def test_labels_that_the_text_encoder_cannot_read(
    mini_board: JobBoard, mini_settings: Settings, start_loaded_worker: StartWorker, wait_until: WaitUntil
) -> None:
    """The job fails and says why, and no task is registered."""
    start_loaded_worker(mini_settings)
    labels = ["cat", " ".join(f"q{number}" for number in range(25))]
    for steps in (0, 5):
        job = submit(mini_board, request_of(mini_settings, labels=labels, steps=steps, fine_tuning_steps=0))
        wait_until(lambda job=job: current(mini_board, job).status.done, SECONDS)
        error = current(mini_board, job).error
        assert error is not None
        assert error.type == "invalid-input"
    assert TaskStore(mini_settings.state.tasks).all() == []


def test_disk_is_full(
    undisturbed: Undisturbed,
    mini_board: JobBoard,
    mini_settings: Settings,
    start_loaded_worker: StartWorker,
    wait_until: WaitUntil,
) -> None:
    """The job fails and says so; the version before still answers, and nothing partial can be seen."""
    shutil.copytree(undisturbed.state_dir, mini_settings.state_dir, dirs_exist_ok=True)
    tasks, store = TaskStore(mini_settings.state.tasks), AdaptationStore(mini_settings.state.adaptations)
    before = tasks.find("first")
    worker = start_loaded_worker(mini_settings)
    wait_until(lambda: len(mini_board.workers()) == 1, SECONDS)
    # No file may grow beyond a megabyte: the classifier's delta is larger.
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    job = submit(mini_board, request_of(mini_settings, seed=5))
    wait_until(lambda: current(mini_board, job).status.done, SECONDS)

    record = current(mini_board, job)
    assert record.status is JobStatus.FAILED
    assert record.error is not None
    assert record.error.type == "store-unavailable"
    assert tasks.find("first") == before
    assert [path.name for path in mini_settings.state.adaptations.glob("[!.]*")] == [before.version().adaptation]
    assert not list(mini_settings.state.adaptations.glob(".partial*"))
    store.get(str(before.version().adaptation))
    answered = submit_certificate(mini_board, mini_settings, "first", seed=1)
    wait_until(lambda: current(mini_board, answered).status.done, SECONDS)
    assert result_of(mini_board, answered)["model"]["version"] == 1
