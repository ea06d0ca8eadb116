"""The command line with `--server`, told to stop while it waits for its job."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.contract.jobs import JobStatus
from adapters.contract.records import JobKind
from tests.interruptible import interruptible
from tests.threaded_server import ThreadedServer
from workers.server_client import Server

ROBUSTIFY = Path(sys.executable).with_name("robustify")
FIELDS = {"labels": ["left", "right"]}
SECONDS = 60.0
WaitUntil = Callable[..., None]


@pytest.fixture
def start_client(picture: bytes, tmp_path: Path) -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Starts `robustify predict` or `certify` with a server, and ends it after the test."""
    image, clients = tmp_path / "picture.png", []
    image.write_bytes(picture)

    def start(kind: str, url: str) -> subprocess.Popen[str]:
        client = subprocess.Popen(
            [ROBUSTIFY, kind, str(image), "--labels", "left", "--labels", "right", "--n", "777", "--server", url],
            env={**os.environ, "ROBUSTIFY_STATE_DIR": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible(),
        )
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.kill()
        client.communicate()


@pytest.mark.parametrize(
    ("kind", "number", "code"),
    [("certify", signal.SIGINT, 130), ("predict", signal.SIGINT, 130), ("certify", signal.SIGTERM, 143)],
)
def test_interrupted(api, start_client, wait_until: WaitUntil, kind: str, number: int, code: int) -> None:
    """Its job is canceled on the server, which it says."""
    before = api.board.queue_depths()[kind]
    client = start_client(kind, str(api.client.base_url))
    wait_until(lambda: api.board.queue_depths()[kind] > before)
    time.sleep(1.5)  # The server has the job; the client is to have its answer, on a busy machine too.
    client.send_signal(number)
    _, errors = client.communicate(timeout=SECONDS)
    canceled = re.search(r"job (\w+) is canceled", errors)

    assert client.returncode == code
    assert canceled, errors
    assert api.record(canceled[1]).status is JobStatus.CANCELED
    assert "Traceback" not in errors


@pytest.fixture
def server(api) -> Iterator[Server]:
    """The server as a command line knows it, which does not tell anybody what it says."""
    server = Server(str(api.client.base_url))
    with closing(server.client):
        yield server


def test_job_that_has_ended_meanwhile(api, server: Server, picture: bytes) -> None:
    """There is nothing to cancel, which the client says."""
    said = list[str]()
    server.say = said.append
    job = server.submit(JobKind.PREDICT, picture, {**FIELDS, "n": 888})
    api.run(job.id)
    server.cancel(job)
    assert said == [f"job {job.id} was not canceled: it is succeeded"]


class HangingService(BaseHTTPRequestHandler):
    """Has one job, which is never done, and does not answer those who want to cancel it."""

    asked_to_wait = threading.Event()
    asked_to_cancel = threading.Event()
    ended = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def do_GET(self) -> None:
        self.asked_to_wait.set()
        time.sleep(0.1)
        self.answer()

    def do_DELETE(self) -> None:
        self.asked_to_cancel.set()
        self.ended.wait(SECONDS)

    def answer(self) -> None:
        links = {"self": "/jobs/1", "cancel": "/jobs/1"}
        job = {"id": "1", "done": False, "status": "queued", "progress": {"done": 0, "total": 1}, "links": links}
        body = json.dumps(job).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_server_that_is_gone(picture: bytes) -> None:
    """The client says that the job may go on, and ends as it was told."""
    said = list[str]()
    with ThreadedServer(HangingService) as service:
        server = Server(service.url, said.append)

        def lose_the_server(done: int, total: int) -> None:
            service.shutdown()
            service.server_close()
            raise KeyboardInterrupt

        with closing(server.client), pytest.raises(KeyboardInterrupt):
            server.certify(picture, {**FIELDS, "n": 999}, lose_the_server)
    assert len(said) == 1
    assert "could not be canceled" in said[0]


def test_interrupted_twice(start_client) -> None:
    """Who does not want to wait for the server to cancel the job is let go at once."""
    with ThreadingHTTPServer(("127.0.0.1", 0), HangingService) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        client = start_client("certify", f"http://127.0.0.1:{service.server_port}")
        try:
            assert HangingService.asked_to_wait.wait(SECONDS)
            client.send_signal(signal.SIGINT)
            assert HangingService.asked_to_cancel.wait(SECONDS)
            client.send_signal(signal.SIGINT)
            assert client.wait(5.0) == 130
        finally:
            HangingService.ended.set()
            service.shutdown()
