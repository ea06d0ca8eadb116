"""What all tests share: a queue server, requests for it, and the rule for tests that need a CUDA device."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest, fingerprint
from adapters.profiles.profile import BUNDLED
from adapters.profiles.shipped import DEEPFLOYD, find_profile
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.types import Task
from tests.fake_hub import FakeHub

MakeRequest = Callable[..., JobRequest]


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One real queue server for all tests."""
    with EmbeddedServer(tmp_path_factory.mktemp("state")) as server:
        yield server


@pytest.fixture
def queue_settings(queue_server: EmbeddedServer, tmp_path: Path) -> Settings:
    """Settings with that server, emptied, and a state folder of the test's own."""
    with connect(queue_server.url) as client:
        client.flushall()
    return Settings(profile="oracle-linear", redis_url=queue_server.url, state_dir=tmp_path, threads=1)


@pytest.fixture
def connection(queue_settings: Settings) -> Iterator[redis.Redis]:
    """A client of the queue server of these settings."""
    with connect(str(queue_settings.redis_url)) as client:
        yield client


@pytest.fixture
def make_request(queue_settings: Settings) -> MakeRequest:
    """Makes requests to certify (or to predict) a canonical tensor, which it stores, with an oracle."""

    def make(
        image: np.ndarray | None = None,
        kind: JobKind = JobKind.CERTIFY,
        settings: Settings = queue_settings,
        n0: int = 100,
        n: int = 1000,
        alpha: float = 0.001,
        **others: object,
    ) -> JobRequest:
        tensor = np.full((3, 32, 32), 0.5, dtype=np.float32) if image is None else image
        sha256 = ImageStore(settings.state.images).put(tensor)
        task, profile = Task(("left", "right")), find_profile(settings.profile)
        values = {
            "kind": kind,
            "image": InputImage(sha256=sha256, height=32, width=32, source_sha256="0" * 64, source_norm=1.0),
            "labels": task.labels,
            "template": task.template,
            "sigma": 0.25,
            "n0": n0 if kind is JobKind.CERTIFY else 0,
            "n": n,
            "alpha": alpha,
            "profile": profile.name,
            "engine": engine_digest(profile, settings),
            "fingerprint": fingerprint(profile, settings, task, 0.25),
        }
        return JobRequest.model_validate({**values, **others})

    return make


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    """The bundled models under the names of the paper's: they are of the same layout."""
    denoiser, clip, generator = (source.repo for source in DEEPFLOYD.sources)
    with FakeHub(tmp_path / "hub") as server:
        for repo, name in ((denoiser, "denoiser"), (clip, "clip"), (generator, "generator")):
            server.add(repo, BUNDLED / name)
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needing_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if needing_gpu and not has_cuda_device():
        for item in needing_gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def has_cuda_device() -> bool:
    # Imported here, because most test runs need no torch and would pay a second for it.
    import torch

    return torch.cuda.is_available()
