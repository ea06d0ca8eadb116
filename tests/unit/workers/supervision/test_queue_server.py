"""A queue server that dies, and one that cannot be started for a while."""

import os
import signal
import time
from pathlib import Path

import pytest
import redis

from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from workers.supervision.processes import Supervisor
from workers.supervision.queue_server import LONGEST_PAUSE_SECONDS, SAID_SECONDS, WELL_SECONDS, KeptServer, pause_after

DEADLINE_SECONDS = 60.0


def revive_until_it_runs(supervisor: Supervisor) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        supervisor.revive()
        assert supervisor.server is not None
        if supervisor.server.is_running:
            return
        assert time.monotonic() < deadline, "it was not started again"
        time.sleep(0.01)


def end(server: EmbeddedServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)


def kept(supervisor: Supervisor) -> KeptServer:
    assert supervisor.kept_server is not None
    return supervisor.kept_server


def ready_to_try(keeper: KeptServer) -> None:
    """As if the pause were over."""
    keeper.restarts_at = time.monotonic()


def test_pauses() -> None:
    """They grow, and not without end; after a server that ran well there is none."""
    assert [pause_after(failures) for failures in range(5)] == [0, 1, 2, 4, 8]
    assert pause_after(50) == LONGEST_PAUSE_SECONDS


def test_server_that_ran_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is started again at once, however often, and why is told."""
    with EmbeddedServer(tmp_path) as server, Supervisor(server=server) as supervisor:
        for _ in range(3):
            kept(supervisor).started_at -= WELL_SECONDS
            end(server)
            revive_until_it_runs(supervisor)
        assert kept(supervisor).failures == 0
    assert "it was ended by SIGKILL" in caplog.messages[0]


def test_server_that_cannot_be_started(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is tried again for ever; why is told once, and again after a while; then it runs."""
    with EmbeddedServer(tmp_path) as server, Supervisor(server=server) as supervisor:
        end(server)
        keeper = kept(supervisor)
        supervisor.revive()
        with EmbeddedServer(tmp_path):
            for _ in range(10):
                ready_to_try(keeper)
                supervisor.revive()
            keeper.said_at -= SAID_SECONDS
            ready_to_try(keeper)
            supervisor.revive()
        assert keeper.failures == 12
        told = [message for message in caplog.messages if "in use by another queue server" in message]
        assert len(told) == 2
        ready_to_try(keeper)
        revive_until_it_runs(supervisor)


@pytest.mark.slow
def test_server_whose_file_is_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its end is mended on the way, as at first start."""
    with EmbeddedServer(tmp_path) as server, Supervisor(server=server) as supervisor:
        with connect(server.url) as client:
            client.set("key", "value")
        end(server)
        with (tmp_path / "queue" / "appendonlydir" / "appendonly.aof.1.incr.aof").open("ab") as file:
            file.write(b"\0" * 600)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while value_of_key(server) != b"value":
            assert time.monotonic() < deadline
            supervisor.revive()
        assert any("600 bytes" in message for message in caplog.messages)


def value_of_key(server: EmbeddedServer) -> object:
    try:
        with connect(server.url) as client:
            return client.get("key")
    except redis.ConnectionError:
        return None
