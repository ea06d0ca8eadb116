"""What the queue server acknowledges while its disk is slow."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.queue.written import File, file_of
from robustify.errors import QueueUnavailableError

SLOW = """
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int fdatasync(int file) {
    struct timespec pause = {1, 800000000};
    nanosleep(&pause, 0);
    return syscall(SYS_fdatasync, file);
}
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedServer]:
    """Each sync takes nearly two seconds."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("no C compiler: a sync cannot be made slow")
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.setitem(os.environ, "LD_PRELOAD", str(library))
    with EmbeddedServer(tmp_path) as started:
        yield started


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with connect(server.url) as client:
        yield client


def wait_until_written(client: redis.Redis) -> None:
    found = file_of(client)
    awaited = found.awaited(found)
    while awaited is not None:
        time.sleep(0.002)
        awaited = awaited.awaited(file_of(client))


def is_held_back(client: redis.Redis) -> bool:
    return file_of(client).held_back > 0


def hold_back(client: redis.Redis) -> int:
    """Writes until the server holds back what it acknowledges; tells the last value."""
    for value in range(10_000):
        client.set("value", value)
        if is_held_back(client) and is_held_back(client):
            return value
        time.sleep(0.005)
    raise AssertionError("the server writes at once")


@pytest.mark.slow
def test_server_that_is_killed_after_it_has_written(server: EmbeddedServer, client: redis.Redis) -> None:
    """It still has what it acknowledged, which was held back before."""
    value = hold_back(client)
    wait_until_written(client)
    server.kill()
    server.start()
    assert client.get("value") in (value, str(value).encode())


@pytest.mark.slow
def test_server_that_is_killed_while_it_holds_back(server: EmbeddedServer, client: redis.Redis) -> None:
    """Nobody is told that it has what it acknowledged."""
    hold_back(client)
    told: list[BaseException] = []

    def wait() -> None:
        with connect(server.url) as other:
            try:
                wait_until_written(other)
            except QueueUnavailableError as error:
                told.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.05)
    server.kill()
    waiting.join(timeout=30)
    assert told


@pytest.mark.slow
def test_server_that_keeps_nothing_on_disk(server: EmbeddedServer, client: redis.Redis) -> None:
    """Nobody waits for it."""
    hold_back(client)
    client.config_set("appendonly", "no")
    assert not is_held_back(client)


@pytest.mark.parametrize(
    "files",
    [
        [File(100, 40), File(140, 60)],
        [File(100, 0)],
        [File(100, 40), File(100, 90), File(190, 0)],
        [File(100, 40), File(20, 60), File(60, 20), File(80, 0)],
    ],
    ids=["others ask all the time", "all is written", "a slow disk", "a file that is rewritten"],
)
def test_looks_until_all_is_written(files: list[File]) -> None:
    """It takes as many as it takes to write what was there at the first one, whatever others ask meanwhile."""
    looks = iter(files)
    found = next(looks)
    awaited = found.awaited(found)
    while awaited is not None:
        awaited = awaited.awaited(next(looks))
    assert next(looks, None) is None
