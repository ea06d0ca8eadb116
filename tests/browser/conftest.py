"""Chromium on the page of a running service: with real models, one for all tests of a file; or without a worker."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser

from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from tests.browser.chromium import Watched, chromium, opened, running_browser
from tests.forked_children import run_with_little_evidence
from tests.integration.api.conftest import Api, running_api
from tests.queue_fixtures import emptied
from tests.running_instance import running
from workers.commands.demo import free_port

HERE = Path(__file__).parent


class Open(Protocol):
    """Opens a view of the page of the service."""

    def __call__(self, view: str = "", **options: object) -> AbstractContextManager[Watched]: ...


class OpenOf(Protocol):
    """Opens a view of the page of an API."""

    def __call__(self, api: Api, view: str = "", **options: object) -> AbstractContextManager[Watched]: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one file: while playwright is there, an event loop runs in this thread, and no other test could start one."""
    if chromium() is None:
        pytest.skip("there is no Chromium: `apt-get install chromium`")
    with running_browser() as started:
        yield started


@pytest.fixture(scope="module")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A queue server, a worker with the bundled models that judges adaptations by little, and the API; nothing of it
    without a browser."""
    settings = Settings(
        profile="mini",
        state_dir=tmp_path_factory.mktemp("state"),
        port=free_port(),
        redis_url=None,
        noise_key=None,
        log_level="WARNING",
    )
    with running(settings, run_with_little_evidence):
        yield settings


@pytest.fixture(scope="module")
def view(browser: Browser, stack: Settings) -> Open:
    return partial(opened, browser, f"http://{stack.host}:{stack.port}")


@pytest.fixture(scope="module")
def queue(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Not without a browser."""
    with EmbeddedServer(tmp_path_factory.mktemp("queue")) as server:
        yield server


@pytest.fixture
def settings(queue: EmbeddedServer, tmp_path: Path) -> Settings:
    """A queue without jobs: what another test asked would be answered at once. Votes are looked at in steps of 50."""
    small = {"profile": "oracle-linear", "shard_samples": 50, "batch_size": 50}
    return emptied(queue, tmp_path).model_copy(update=small)


@pytest.fixture
def api(settings: Settings) -> Iterator[Api]:
    """Without a worker: the test plays it."""
    with running_api(settings) as started:
        yield started


@pytest.fixture
def view_of(browser: Browser) -> OpenOf:
    def open_view(api: Api, view: str = "try", **options: object) -> AbstractContextManager[Watched]:
        return opened(browser, str(api.client.base_url).rstrip("/"), view, **options)  # type: ignore[arg-type]

    return open_view
