"""Where things can be stored: a folder, an object store in memory, and a real S3 server."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from adapters.store.folder import Folder
from adapters.store.object_store import RemoteObjects
from adapters.store.objects import Objects
from adapters.store.places import remote_objects
from tests.s3_server import CREDENTIALS, S3Server, running_s3_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3_server() as server:
        yield server


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place of the test's own on it."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return s3_server.url(secrets.token_hex(8))


@pytest.fixture
def remote(request: pytest.FixtureRequest) -> RemoteObjects:
    """An object store: in memory, or by the mark of the test's parameter the real one."""
    return RemoteObjects(MemoryStore())


@pytest.fixture(params=["folder", "memory", pytest.param("s3", marks=pytest.mark.slow)])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """Each in turn."""
    if request.param == "folder":
        return Folder(tmp_path / "stored")
    if request.param == "memory":
        return RemoteObjects(MemoryStore())
    return remote_objects(request.getfixturevalue("s3_url"))
