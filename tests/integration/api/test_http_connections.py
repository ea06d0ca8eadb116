"""Connections as strangers may open them: bad HTTP, half of it, and too many."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from adapters.settings import Settings
from service.serving import protocol
from service.stopping import Stopping
from tests.serving import Served, app_without_queue, served

MANY = 1000
HALF_A_HEADER = b"GET /healthz HTTP/1.1\r\nHost: local"
HALF_A_BODY = b"POST /plan HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
PROBLEM = b"content-type: application/problem+json"
NO_HTTP = [
    b"nonsense\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    b"POST /plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"POST /plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(profile="oracle-linear", state_dir=tmp_path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(Settings(profile="oracle-linear", state_dir=tmp_path_factory.mktemp("state"))) as started:
        yield started


def connected(running: Served, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=30)
    connection.sendall(sent)
    return connection


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes; what is cut off counts as the end."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


@contextmanager
def enough_open_files(needed: int) -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < needed:
        pytest.skip("too few open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("sent", NO_HTTP)
def test_request_when_it_is_no_http(running: Served, sent: bytes) -> None:
    """It is told so in a problem document, and the connection is closed."""
    with connected(running, sent) as connection:
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert PROBLEM in answer
    assert b"connection: close" in answer
    assert b"server:" not in answer.lower()


def test_request_when_it_has_two_lengths(running: Served) -> None:
    """What stands behind it is not answered as a second request."""
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    framing = b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(smuggled))
    with connected(running, b"POST /plan HTTP/1.1\r\nHost: localhost\r\n" + framing + smuggled) as connection:
        answer = all_of(connection)
    assert answer.count(b"content-length: ") == 1


def test_old_http_when_it_names_no_host(running: Served) -> None:
    """HTTP/1.0 may leave the host out; here it may not."""
    with connected(running, b"GET /healthz HTTP/1.0\r\n\r\n") as connection:
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert PROBLEM in answer


def test_several_requests_when_they_come_at_once(running: Served) -> None:
    """Each is answered in its turn."""
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    with connected(running, one + b"\r\n" + one + b"\r\n" + one + b"Connection: close\r\n\r\n") as connection:
        assert all_of(connection).count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"], ids=["first", "second"])
def test_headers_when_they_do_not_come(settings: Settings, monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    """Who has begun is told that it took too long, at the first request or the second; dripping does not help."""
    monkeypatch.setattr(protocol, "HEADERS_SECONDS", 1.0)
    with served(settings) as running, connected(running, before + HALF_A_HEADER) as connection:
        started = time.monotonic()
        dripping = threading.Thread(target=drip, args=(connection,), daemon=True)
        dripping.start()
        answer = all_of(connection)
        assert time.monotonic() - started < 10
    assert answer.count(b"HTTP/1.1 200 ") == bool(before)
    assert b"HTTP/1.1 408 " in answer
    assert PROBLEM in answer


def drip(connection: socket.socket) -> None:
    """A letter now and then, as long as anybody listens."""
    try:
        while True:
            connection.sendall(b"x")
            time.sleep(0.2)
    except OSError:
        pass


def test_body_when_it_does_not_end_after_the_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that was refused by its headers cannot hold its connection by dripping its body."""
    monkeypatch.setattr(protocol, "REST_OF_BODY_SECONDS", 1.0)
    sent = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    with served(settings) as running, connected(running, sent) as connection:
        started = time.monotonic()
        threading.Thread(target=drip, args=(connection,), daemon=True).start()
        assert all_of(connection).startswith(b"HTTP/1.1 404 ")
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("half", [b"", HALF_A_HEADER], ids=["nothing", "half a header"])
def test_service_when_a_thousand_are_half_open(settings: Settings, half: bytes) -> None:
    """It answers meanwhile, and all of them are closed within 35 seconds."""
    with enough_open_files(2 * MANY + 300), served(settings) as running, ExitStack() as stack:
        slow = [stack.enter_context(connected(running, half)) for _ in range(MANY)]
        deadline = time.monotonic() + 35
        while running.server.server_state.connections and time.monotonic() < deadline:
            with httpx.Client(base_url=running.client.base_url, headers={"Connection": "close"}) as newcomer:
                assert newcomer.get("/healthz").status_code == 200
            time.sleep(0.5)
        assert time.monotonic() < deadline
        assert len({bool(all_of(connection)) for connection in slow}) == 1


def test_newcomer_when_all_connections_wait(settings: Settings) -> None:
    """One that has sent no request makes room, and the newcomer is served."""
    with served(settings, most=5) as running, ExitStack() as stack:
        waiting = [stack.enter_context(connected(running, HALF_A_HEADER)) for _ in range(5)]
        assert running.client.get("/healthz").status_code == 200
        assert all_of(waiting[0]) == b""


def test_newcomer_when_all_connections_are_at_work(settings: Settings) -> None:
    """It is told to come again, and who is at work is not disturbed."""
    with served(settings, most=5) as running, ExitStack() as stack:
        busy = [stack.enter_context(connected(running, HALF_A_BODY)) for _ in range(5)]
        while len(running.server.server_state.tasks) < len(busy):
            time.sleep(0.01)
        with connected(running) as newcomer:
            answer = all_of(newcomer)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert PROBLEM in answer
        assert b"retry-after: " in answer
        for connection in busy:
            connection.sendall(b" " * 97 + b"}")
            assert connection.recv(65536).startswith(b"HTTP/1.1 422 ")
            connection.close()
        with httpx.Client(base_url=running.client.base_url) as later:
            assert later.get("/healthz").status_code == 200


def test_requests_when_the_service_stops(settings: Settings) -> None:
    """Who looks at `stopping` is answered as it likes; who does not is cut off, with a problem document."""
    app = app_without_queue(settings)
    stopping: Stopping = app.state.stopping

    @app.get("/patient")
    async def patient() -> bool:
        return await stopping.pause(60)

    @app.get("/deaf")
    async def deaf() -> None:
        await anyio.sleep(60)

    answers: dict[str, httpx.Response] = {}

    def ask(url: str, path: str) -> None:
        answers[path] = httpx.get(url + path, timeout=30)

    with served(settings, app) as running:
        running.server.config.timeout_graceful_shutdown = 1
        asking = [
            threading.Thread(target=ask, args=(str(running.client.base_url), path)) for path in ("/patient", "/deaf")
        ]
        for thread in asking:
            thread.start()
        while len(running.server.server_state.tasks) < 2:
            time.sleep(0.01)
        running.server.should_exit = True
        for thread in asking:
            thread.join()
    assert (answers["/patient"].status_code, answers["/patient"].json()) == (200, True)
    cut_off = answers["/deaf"]
    assert (cut_off.status_code, cut_off.json()["type"]) == (503, "/problems/stopping")
    assert cut_off.headers["retry-after"]
