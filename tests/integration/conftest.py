"""Real worker processes, started and ended by the tests."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from adapters.child_process import die_with_parent
from adapters.queue.board import JobBoard
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from robustify.errors import QueueUnavailableError
from tests.command_line import Command, command_line
from tests.fake_hub import hub
from tests.forked_children import forked_children
from tests.forks import Fork, start
from tests.integration.fault_injection_worker import FaultyOracle, work
from tests.queue_fixtures import connection, emptied, make_request, queue_server
from workers.wiring import run_worker

__all__ = ["connection", "hub", "make_request", "queue_server"]

Process = Fork | subprocess.Popen[bytes]
StartWorker = Callable[..., Fork]
StartProductWorker = Callable[..., subprocess.Popen[bytes]]
WaitUntil = Callable[..., None]
FreePort = Callable[[], int]

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60.0


@pytest.fixture
def queue_settings(queue_server: EmbeddedServer, tmp_path: Path) -> Settings:
    """With leases so short that tests can wait for their end, and batches so small that there is a lot to interrupt."""
    return emptied(queue_server, tmp_path).model_copy(update={"lease_seconds": 1.0, "batch_size": 50})


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line in this process, with a state folder of the test's own."""
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path / "state"))
    return command_line(monkeypatch, capsys)


@pytest.fixture
def forked_workers() -> Iterator[None]:
    """What commands of this process start is forked."""
    with forked_children():
        yield


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)


@pytest.fixture
def start_worker(queue_settings: Settings) -> Iterator[StartWorker]:
    """Starts workers of the linear oracle that fail as FaultyOracle is told, and ends them after the test."""
    with ended() as processes:
        yield lambda settings=queue_settings, **faults: forked(processes, work, settings, FaultyOracle(**faults))


@pytest.fixture
def start_loaded_worker(queue_settings: Settings) -> Iterator[StartWorker]:
    """Starts workers with the models of their profile, which differ from those that are shipped in how they start."""
    with ended() as processes:
        yield lambda settings=queue_settings, program=run_worker: forked(processes, program, settings)


@pytest.fixture
def start_product_worker(queue_settings: Settings) -> Iterator[StartProductWorker]:
    """Starts workers as they are shipped: `python -m workers`."""
    with ended() as processes:

        def start(settings: Settings = queue_settings) -> subprocess.Popen[bytes]:
            processes.append(process := start_process(["-m", "workers"], settings))
            return process

        yield start


def start_process(command: list[str], settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command], cwd=REPOSITORY, env=environment(settings), preexec_fn=die_with_parent()
    )


def forked(processes: list[Process], program: Callable[..., None], *arguments: object) -> Fork:
    processes.append(fork := Fork(start(program, *arguments)))
    return fork


def environment(settings: Settings) -> dict[str, str]:
    values = settings.model_dump(mode="json", exclude_none=True)
    ours = {f"ROBUSTIFY_{name.upper()}": str(value) for name, value in values.items()}
    return {**os.environ, **ours, "PYTHONPATH": str(REPOSITORY)}


@contextmanager
def ended() -> Iterator[list[Process]]:
    """A list of processes that end with the block: exactly these, also those that were stopped."""
    processes: list[Process] = []
    try:
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture(scope="session")
def free_port() -> FreePort:
    """Finds ports of this machine that nobody listens on, and that the kernel gives to nobody meanwhile."""
    # It takes those of clients, and of servers that ask for any, from higher ones.
    candidates = iter(random.SystemRandom().sample(range(10_000, 32_000), 1000))

    def find() -> int:
        for port in candidates:
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                return port
        raise AssertionError("no port is free")

    return find


@pytest.fixture
def wait_until() -> WaitUntil:
    """Waits for a condition, and fails the test when it does not come; the queue server may be away meanwhile."""

    def wait(holds: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if holds():
                    return
            except QueueUnavailableError:
                pass
            time.sleep(0.02)
        pytest.fail(f"it did not happen within {seconds} seconds")

    return wait
