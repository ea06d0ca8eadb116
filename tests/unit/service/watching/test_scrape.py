"""A queue server that takes connections and says nothing."""

import socket
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from adapters.settings import Settings
from service.watching import scrape
from service.watching.scrape import reading_in_time
from tests.serving import app_without_queue


def test_reading_when_the_queue_server_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up before whoever scrapes gives up."""
    monkeypatch.setattr(scrape, "READING_SECONDS", 0.2)
    with start_blocking_portal() as portal, socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        app = app_without_queue(Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=url))
        assert portal.call(reading_in_time, app.state.service) is None
