"""The helper for JavaScript that follows a job: in Node.js, against the service and against one that fails."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.threaded_server import ThreadedServer

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js: `apt-get install nodejs`"),
]
HELPER = Path(__file__).parents[3] / "service" / "page" / "static" / "events.js"
FOLLOW = """
import { followJob } from %s;
const [base, id, key] = JSON.parse(process.argv[1]);
const told = [], states = [];
try {
  const job = await followJob(base, id, {
    headers: key ? { Authorization: `Bearer ${key}` } : {},
    onProgress: (progress, status) => told.push([status, progress]),
    onState: (state) => states.push(state),
    signal: AbortSignal.timeout(30000),
    firstPause: 20,
  });
  console.log(JSON.stringify({ job, told, states }));
} catch (error) {
  console.log(JSON.stringify({ error: error.name, status: error.status, detail: error.message, told, states }));
}
process.exit(0);
"""
DONE = {"id": "job", "status": "succeeded", "done": True, "result": "a result"}
Answer = tuple[int, dict[str, str], str]


def followed(base: str, job_id: str, key: str = "rk_key") -> dict[str, Any]:
    """What the helper tells of a job, asked for with a key or with none."""
    script = FOLLOW % json.dumps(HELPER.as_uri())
    command = ["node", "--input-type=module", "--eval", script, "--", json.dumps([base, job_id, key])]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_job_when_it_is_followed(working_api: "Api", picture: bytes) -> None:
    """Its progress is told as it comes, and its end is the whole job."""
    data = {"labels": ["left", "right"], "n": "20000"}
    headers = {"Prefer": "respond-async"}
    job = working_api.client.post("/certify", files={"image": picture}, data=data, headers=headers).json()
    found = followed(f"{working_api.client.base_url}/", job["id"], key="")
    assert found["job"] == working_api.client.get(f"/jobs/{job['id']}").json()
    assert found["states"] == ["live"]
    steps = [progress["done"] for _, progress in found["told"]]
    assert steps == sorted(steps)
    assert steps


def test_job_when_there_is_none(working_api: "Api") -> None:
    """The problem of the service is what the helper rejects with."""
    found = followed(f"{working_api.client.base_url}/", "nothing", key="")
    assert (found["error"], found["status"]) == ("ProblemError", 404)
    assert found["detail"].startswith("There is no such job")


@contextmanager
def answering(answer: Callable[[int, str, dict[str, str]], Answer]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A service that answers its n-th request so; its address, and the paths that were asked with `Last-Event-ID`."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked.append((self.path, headers.get("last-event-id", "")))
            status, given, body = answer(len(asked), self.path, headers)
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            """Nothing is told of it."""

    with ThreadedServer(Handler) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}/below/", asked


STREAM = {"Content-Type": "text/event-stream"}


def event(name: str, identifier: str, data: object) -> str:
    return f": a comment\r\nevent: {name}\r\nid: {identifier}\r\ndata: {json.dumps(data)}\r\n\r\n"


def test_stream_when_it_is_cut_off() -> None:
    """The helper comes back with the last event that it has seen; half of an event is none."""

    def answer(number: int, path: str, headers: dict[str, str]) -> Answer:
        assert headers["authorization"] == "Bearer rk_key"
        progress = event("progress", str(100 * number), {"status": "running", "progress": {"done": 100 * number}})
        if number < 3:
            return 200, STREAM, progress + event("progress", "999", {})[:-10]
        return 200, STREAM, progress + event("done", "done", DONE)

    with answering(answer) as (base, asked):
        found = followed(base, "job")
    assert found["job"] == DONE
    assert [progress["done"] for _, progress in found["told"]] == [100, 200, 300]
    assert asked == [("/below/jobs/job/events", last) for last in ("", "100", "200")]


@pytest.mark.parametrize(
    "trouble",
    [(502, {"Content-Type": "text/html"}, "<html>"), (200, {"Content-Type": "text/html"}, "<html>"), (200, STREAM, ""),
     (200, STREAM, "data: no JSON\n\n"), (503, {"Retry-After": "0"}, ""),
     (429, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT", "Content-Type": "application/problem+json"}, "{")],
)  # fmt: skip
def test_stream_when_there_is_none(trouble: Answer) -> None:
    """The helper asks for the job itself, until it is done."""
    polls: list[str] = []

    def answer(number: int, path: str, headers: dict[str, str]) -> Answer:
        if path.endswith("/events"):
            return trouble
        polls.append(headers["prefer"])
        is_done = len(polls) == 3
        body = DONE if is_done else {**DONE, "done": False, "status": "running", "progress": {"done": len(polls)}}
        return (200, {"Content-Type": "application/json"}, json.dumps(body)) if len(polls) != 2 else (503, {}, "")

    with answering(answer) as (base, _):
        found = followed(base, "job")
    assert found["job"] == DONE
    assert polls == ["wait=20"] * 3
    assert found["states"][-1] == "polling"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_stream_when_it_is_refused(status: int) -> None:
    """The helper gives up, with the words of the service, whatever else is in them."""
    problem = json.dumps({"title": "No", "detail": "<b>A key is needed.</b>", "status": status})
    with answering(lambda *_: (status, {"Content-Type": "application/problem+json"}, problem)) as (base, asked):
        found = followed(base, "job")
    assert (found["error"], found["status"], found["detail"]) == ("ProblemError", status, "<b>A key is needed.</b>")
    assert len(asked) == 1
