"""A real queue server and requests for it: fixtures that the conftest.py of a folder imports where its tests need them.

A folder that imports them has a server of its own, which starts with the first test that asks for it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest, fingerprint
from adapters.profiles.library import find_profile
from adapters.queue.connection import connect
from adapters.queue.keys import queue_name
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.types import Task

MakeRequest = Callable[..., JobRequest]


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One real queue server for all tests of the folder."""
    with EmbeddedServer(tmp_path_factory.mktemp("state")) as server:
        yield server


@pytest.fixture
def queue_settings(queue_server: EmbeddedServer, tmp_path: Path) -> Settings:
    """Settings with that server, emptied, and a state folder of the test's own."""
    return emptied(queue_server, tmp_path)


def emptied(server: EmbeddedServer, state_dir: Path) -> Settings:
    """Settings with a server that has forgotten all that tests have asked of it."""
    with connect(server.url) as client:
        client.flushall()
    return Settings(profile="oracle-linear", redis_url=server.url, state_dir=state_dir, threads=1)


@pytest.fixture
def connection(queue_settings: Settings) -> Iterator[redis.Redis]:
    """A client of the queue server of these settings."""
    with connect(str(queue_settings.redis_url)) as client:
        yield client


def waiting_shards(connection: redis.Redis, kind: JobKind, engine: str) -> int:
    """How many shards of a kind wait for a worker of an engine."""
    return int(connection.zcount(f"robustify:held:{queue_name(kind, engine)}", "+inf", "+inf"))


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
