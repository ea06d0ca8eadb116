"""More work than the service takes at once, over real HTTP: surplus is refused, and what is cheap is served."""

import base64
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

from adapters.queue.server import EmbeddedServer
from adapters.settings import MEBIBYTE, Settings
from tests.integration.conftest import FreePort, WaitUntil, start_process

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LABELS = {"labels": ["cat", "dog"]}
NO_WAIT = {"Prefer": "wait=0"}
MANY = 40
PORTION = 64 << 10


@pytest.fixture(scope="module")
def slow_picture() -> bytes:
    """Small, and takes most of a second to decode: a progressive JPEG of one colour and many pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (5000, 5000), (9, 99, 200)).save(buffer, "JPEG", progressive=True)
    return buffer.getvalue()


@pytest.fixture
def many() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


def predict(api: "Api", picture: bytes) -> httpx.Response:
    address = f"{api.client.base_url}/predict"
    return httpx.post(address, files={"image": picture}, data=LABELS, headers=NO_WAIT, timeout=100)


def check_busy(response: httpx.Response) -> None:
    assert response.json()["type"] == "/problems/busy", response.text
    assert int(response.headers["retry-after"]) > 0


def test_prediction_when_many_slow_pictures_are_decoded(
    api: "Api", picture: bytes, slow_picture: bytes, many: ThreadPoolExecutor
) -> None:
    """It is accepted while they are; of them as many as may wait are decoded, and the others are refused."""
    slow = [many.submit(predict, api, slow_picture + os.urandom(4)) for _ in range(MANY)]
    small = predict(api, picture)
    while small.status_code == 503 and not all(one.done() for one in slow):  # Its own decoder may just begin.
        small = predict(api, picture)
    checked = api.client.post("/certificates/verify", json={"certificate": {}})
    some_left = sum(not one.done() for one in slow)
    answers = [one.result() for one in slow]

    assert (small.status_code, checked.status_code) == (202, 200)
    assert some_left > 0
    statuses = {answer.status_code for answer in answers}
    assert statuses == {202, 503}
    for answer in answers:
        if answer.status_code == 503:
            check_busy(answer)
    assert predict(api, slow_picture).status_code == 202


def test_place_when_clients_that_wait_go_away(api: "Api", slow_picture: bytes) -> None:
    """Their places are free, and so are those of decoders that worked for them."""
    request = httpx.Request("POST", f"{api.client.base_url}/predict", files={"image": slow_picture}, data=LABELS)
    raw = raw_request(request)
    with ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(connection(api))
            client.sendall(raw)
        time.sleep(0.2)
    assert predict(api, slow_picture).status_code == 202


def test_plan_when_many_are_asked_for(api: "Api", many: ThreadPoolExecutor) -> None:
    """Some are answered, the others refused at once; then any is answered, and the same one again."""

    def plan(number: int) -> httpx.Response:
        body = {
            "target_radius": 0.001 + number / 1e6,
            "n": 100_000,
            "n0": 10_000,
            "p": [0.5 + k / 1e4 for k in range(20)],
        }
        return httpx.post(f"{api.client.base_url}/plan", json=body, timeout=100)

    answers = list(many.map(plan, range(MANY)))
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            check_busy(answer)
    assert plan(0).json() == plan(0).json()


@pytest.fixture
def narrow_api(api_queue: EmbeddedServer, tmp_path: Path, start_api: Callable[[Settings], "Api"]) -> "Api":
    """With room for two images of the largest size at once."""
    settings = Settings(
        profile="oracle-linear",
        state_dir=tmp_path,
        redis_url=api_queue.url,
        max_upload_bytes=MEBIBYTE,
        max_body_bytes_in_flight=5 * MEBIBYTE,
    )
    return start_api(settings)


def connection(api: "Api") -> socket.socket:
    return socket.create_connection((api.client.base_url.host, api.client.base_url.port or 80))


def raw_request(request: httpx.Request) -> bytes:
    lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + request.read()


def begun_body(length: int | None) -> bytes:
    """The headers of a body and its first byte; without a length it comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    first = "1\r\n{\r\n" if length is None else "{"
    return (
        f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{size}\r\n\r\n{first}".encode()
    )


@pytest.mark.parametrize("length", [MEBIBYTE, None])
def test_body_when_others_fill_the_room(
    narrow_api: "Api", picture: bytes, wait_until: WaitUntil, length: int | None
) -> None:
    """A large one is refused before it is read, a small one fits beside; later the room is there again."""
    large = picture + os.urandom(MEBIBYTE - len(picture))
    with ExitStack() as stack:

        def is_full() -> bool:
            """One holder may itself be refused, beside the request that looks."""
            stack.enter_context(connection(narrow_api)).sendall(begun_body(length))
            return predict(narrow_api, large).status_code == 503

        wait_until(is_full)
        check_busy(predict(narrow_api, large))
        if length is not None:
            assert predict(narrow_api, picture).status_code == 202
    wait_until(lambda: predict(narrow_api, large).status_code == 202)


def test_room_when_bodies_are_refused(narrow_api: "Api") -> None:
    """Whatever a request ends with, nothing of it is held: one after another, all are told the same."""
    junk = os.urandom(MEBIBYTE - 100)
    text = base64.b64encode(junk).decode()
    for _ in range(6):
        assert predict(narrow_api, junk).json()["type"] == "/problems/unsupported-image"
        json = narrow_api.client.post("/predict", json={"image": text, **LABELS})
        assert json.json()["type"] == "/problems/unsupported-image"
        wrong = narrow_api.client.post("/predict", json={"image": text, "labels": ["cat"]})
        assert wrong.json()["type"] == "/problems/invalid-input"
        verified = narrow_api.client.post("/certificates/verify", json={"image": text, "certificate": {}})
        assert verified.status_code == 200


@pytest.fixture
def started_api(api_queue: EmbeddedServer, tmp_path: Path, free_port: FreePort) -> Iterator[Callable[[], Any]]:
    """Starts an API as a process of its own, and ends it after the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        settings = Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=api_queue.url, port=port)
        processes.append(process := start_process(["-m", "service"], settings))
        return process, f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.kill()
        process.wait()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def memory_of(pid: int, name: str) -> int:
    """`VmRSS` or its peak `VmHWM`, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_when_sixty_large_bodies_come(
    started_api: Callable[[], tuple[subprocess.Popen[bytes], str]], wait_until: WaitUntil
) -> None:
    """60 bodies of 10 MiB take no more than the budget and what is parsed at once; each is answered."""
    process, address = started_api()
    wait_until(lambda: answers(address))
    before = memory_of(process.pid, "VmRSS")
    file = b"\xff\xd8" + os.urandom(10 * MEBIBYTE - 100)
    text = base64.b64encode(file).decode()

    def form() -> int:
        return httpx.post(f"{address}/predict", files={"image": file}, data=LABELS, timeout=100).status_code

    def json() -> int:
        return httpx.post(f"{address}/predict", json={"image": text, **LABELS}, timeout=100).status_code

    with ThreadPoolExecutor(60) as pool:
        sent: list[Future[int]] = [pool.submit(form if number % 2 else json) for number in range(60)]
        statuses = {one.result() for one in sent}
    assert statuses == {415, 503} or statuses == {422, 503}
    assert memory_of(process.pid, "VmHWM") - before < 500 * MEBIBYTE


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_decoders_when_the_api_is_killed(
    started_api: Callable[[], tuple[subprocess.Popen[bytes], str]], picture: bytes, wait_until: WaitUntil
) -> None:
    """Nothing of it is left."""
    process, address = started_api()
    wait_until(lambda: answers(address))
    sent = httpx.post(f"{address}/predict", files={"image": picture}, data=LABELS, headers=NO_WAIT, timeout=100)
    assert sent.status_code == 202
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children
    process.kill()
    process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in children))


def is_running(pid: str) -> bool:
    """Also where nobody reaps it in this container."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()
