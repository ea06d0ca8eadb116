"""Addresses of Sentinels, and a real failover: the primary is killed, and its replica goes on."""

import asyncio
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import redis

from adapters.child_process import die_with_parent
from adapters.contract.jobs import JobRequest
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect, connect_in_loop
from adapters.queue.replicated import wait_until_replicated
from adapters.queue.sentinels import sentinel_address
from adapters.queue.server import server_binary
from adapters.settings import Settings
from robustify.errors import InvalidInputError, QueueUnavailableError
from tests.s3_server import free_port

MakeRequest = Callable[..., JobRequest]
SILENT_MILLISECONDS = 500
FAILOVER_SECONDS = 60.0


def test_address_when_it_has_everything() -> None:
    """Who is asked, for what, and how both are connected to."""
    found = sentinel_address(
        "rediss+sentinel://user:pass%2Fword@one:1,two,[::1]:3/name/2?ssl_ca_certs=/ca.pem&sentinel_password=other"
    )
    assert found is not None
    assert found.sentinels == (("one", 1), ("two", 26379), ("::1", 3))
    assert found.primary == "name"
    assert found.to_primary == {
        "ssl": True, "ssl_ca_certs": "/ca.pem", "username": "user", "password": "pass/word", "db": 2,
    }  # fmt: skip
    assert found.to_sentinels == {"ssl": True, "ssl_ca_certs": "/ca.pem", "password": "other"}


@pytest.mark.parametrize("url", ["redis://one:1/0", "rediss://one", "unix:///socket"])
def test_address_of_a_server(url: str) -> None:
    """It is none of Sentinels."""
    assert sentinel_address(url) is None


@pytest.mark.parametrize(
    "rest", ["", "one:1", "one:1/", "one:port/name", "one/name/two", "/name", "one/name?unknown=1"]
)
def test_address_that_cannot_be_read(rest: str) -> None:
    """It is refused with what was expected, and without the password."""
    with pytest.raises(InvalidInputError, match="must look like") as caught:
        sentinel_address(f"redis+sentinel://secret@{rest}" if rest else "redis+sentinel://")
    assert "secret" not in str(caught.value)


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of its own folder; it is ended with the block."""
    folder.mkdir()
    process = subprocess.Popen(
        [server_binary(), *arguments], cwd=folder, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent()
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def data_server(port: int, *options: str) -> list[str]:
    return ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0", *options]


def sentinel(folder: Path, port: int, primary: int) -> list[str]:
    """It writes into its file what it learns."""
    path = folder.with_suffix(".conf")
    path.write_text(
        f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary} 1\n"
        f"sentinel down-after-milliseconds main {SILENT_MILLISECONDS}\nsentinel failover-timeout main 3000\n"
    )
    return [str(path), "--sentinel"]


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + FAILOVER_SECONDS
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (redis.RedisError, QueueUnavailableError):
            pass
        time.sleep(0.05)
    pytest.fail("it did not happen")


@pytest.mark.slow
def test_board_when_its_primary_is_killed(tmp_path: Path, make_request: MakeRequest, queue_settings: Settings) -> None:
    """Who works with it is told that the server is away, goes on with the replica, and finds what was there."""
    one, two, watch = free_port(), free_port(), free_port()
    folder = tmp_path / "sentinel"
    with (
        started(tmp_path / "one", *data_server(one)) as primary,
        started(tmp_path / "two", *data_server(two, "--replicaof", "127.0.0.1", str(one))),
        started(folder, *sentinel(folder, watch, one)),
        connect(f"redis+sentinel://127.0.0.1:{watch}/main") as client,
    ):
        wait_until(lambda: bool(client.ping()))
        board = JobBoard(client, queue_settings)
        with redis.Redis(port=watch) as asked:
            wait_until(lambda: len(asked.sentinel_slaves("main")) == 1)
        with redis.Redis(port=two) as replica:
            wait_until(lambda: replica.info("replication")["master_link_status"] == "up")
        job = board.submit(make_request(), 500)
        client.wait(1, 5000)
        primary.kill()
        wait_until(lambda: bool(board.queue_depths()))
        board.ping()
        assert client.connection_pool.get_master_address() == ("127.0.0.1", two)
        assert board.get(job.job) is not None


@contextmanager
def hanging_up() -> Iterator[tuple[int, list[object]]]:
    """The port of one who takes connections and ends them at once, and a list with an entry for each."""
    taken = list[object]()

    def take(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, address = listening.accept()
                taken.append(address)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=take, args=(listening,))
        thread.start()
        yield listening.getsockname()[1], taken
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.slow
def test_primary_when_the_first_sentinel_hangs_up(tmp_path: Path) -> None:
    """It is asked once, and then the next one: it may be a host that is gone, where each question takes seconds."""
    data, watch, folder = free_port(), free_port(), tmp_path / "sentinel"
    with (
        hanging_up() as (gone, taken),
        started(tmp_path / "one", *data_server(data)),
        started(folder, *sentinel(folder, watch, data)),
    ):
        wait_until(lambda: are_up(data, watch))
        url = f"redis+sentinel://127.0.0.1:{gone},127.0.0.1:{watch}/main"
        with connect(url) as client:
            assert client.ping()
        assert len(taken) == 1
        asyncio.run(ping_in_loop(url))
        assert len(taken) == 2


def are_up(*ports: int) -> bool:
    with ExitStack() as stack:
        return all(stack.enter_context(redis.Redis(port=port)).ping() for port in ports)


async def ping_in_loop(url: str) -> None:
    async with connect_in_loop(url) as client:
        assert await client.ping()


@pytest.mark.slow
def test_primary_when_it_was_left_alone(tmp_path: Path) -> None:
    """Its clients are refused once, and then ask the Sentinels, who know by now which replica is the primary."""
    one, two, watch = free_port(), free_port(), free_port()
    folder, careful = tmp_path / "sentinel", ("--min-replicas-to-write", "1")
    with (
        started(tmp_path / "one", *data_server(one, *careful)),
        started(tmp_path / "two", *data_server(two, "--replicaof", "127.0.0.1", str(one))),
        started(folder, *sentinel(folder, watch, one)),
        connect(f"redis+sentinel://127.0.0.1:{watch}/main") as client,
        redis.Redis(port=two) as replica,
        redis.Redis(port=watch) as asked,
    ):
        wait_until(lambda: bool(client.set("key", "value")))
        replica.replicaof("NO", "ONE")
        asked.sentinel_remove("main")
        asked.sentinel_monitor("main", "127.0.0.1", two, 1)
        with redis.Redis(port=one) as left_alone:
            wait_until(lambda: left_alone.info("replication")["min_slaves_good_slaves"] == 0)
        with pytest.raises(redis.ResponseError, match="(?i)not enough good replicas"):
            client.set("key", "another")
        assert client.set("key", "another")
        assert replica.get("key") == b"another"


@pytest.mark.slow
def test_replicas_when_they_are_cut_off(tmp_path: Path) -> None:
    """What is written is known to a replica, or it is said that it is not; a server without Sentinels is not asked."""
    one, two, watch = free_port(), free_port(), free_port()
    careful = ("--min-replicas-to-write", "1")
    with (
        started(tmp_path / "one", *data_server(one, *careful)),
        started(tmp_path / "two", *data_server(two, "--replicaof", "127.0.0.1", str(one))) as replica,
        started(tmp_path / "sentinel", *sentinel(tmp_path / "sentinel", watch, one)),
        connect(f"redis+sentinel://127.0.0.1:{watch}/main") as client,
    ):
        wait_until(lambda: bool(client.set("key", "value")))
        wait_until_replicated(client)
        replica.send_signal(signal.SIGSTOP)
        with pytest.raises(QueueUnavailableError, match="no replica has"):
            wait_until_replicated(client)
        with connect(f"redis://127.0.0.1:{one}") as plain:
            wait_until_replicated(plain)
