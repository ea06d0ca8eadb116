"""HEAD, and methods that a path does not take, over real HTTP."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from adapters.contract.jobs import JobError
from adapters.settings import Settings

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

CHANGING = {"date", "retry-after", "x-request-id"}


def headers_of(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name not in CHANGING}


@pytest.fixture
def job(api: "Api", picture: bytes) -> dict[str, Any]:
    """A job that nobody works on."""
    response = api.client.post("/certify", files={"image": picture}, data={"labels": ["head", "tail"]})
    document: dict[str, Any] = response.json()
    return document


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/readyz", 503),
        ("/models", 200),
        ("/docs", 200),
        ("/docs/swagger-ui.css", 200),
        ("/openapi.json", 200),
        ("/tasks", 200),
        ("/tasks/abc", 404),
        ("/jobs/abc", 404),
        ("/jobs/abc/events", 404),
        ("/nowhere", 404),
    ],
)
def test_head_when_get_answers(api: "Api", path: str, status: int) -> None:
    """HEAD has the status and the headers of GET, and no body."""
    head, get = api.client.head(path), api.client.get(path)
    assert (head.status_code, get.status_code) == (status, status)
    assert headers_of(head) == headers_of(get)
    assert int(head.headers["content-length"]) > 0
    assert head.content == b""


def test_head_when_there_is_a_job(api: "Api", job: dict[str, Any]) -> None:
    """The job is there, and the connection serves the next request too."""
    head = api.client.head(job["links"]["self"], headers={"Prefer": "wait=0"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["preference-applied"] == "wait=0"
    found = api.client.get(job["links"]["self"]).json()
    place = found["progress"]["place"]  # Behind the jobs of other tests.
    assert found == {**job, "progress": {**job["progress"], "place": place}}


def test_head_when_get_would_stream_for_long(api: "Api", job: dict[str, Any]) -> None:
    """The headers of the events come at once, although nobody ends the job."""
    head = api.client.head(job["links"]["events"], timeout=5)
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
    assert head.content == b""
    assert api.board.fail(job["id"], JobError(type="internal-error", title="t", detail="d"))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", {"POST"}),
        ("HEAD", "/certify", {"POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("GET", "/adapt", {"POST"}),
        ("POST", "/tasks", {"GET", "HEAD"}),
        ("PUT", "/tasks/abc", {"DELETE", "GET", "HEAD"}),
        ("GET", "/tasks/abc/current", {"PUT"}),
        ("DELETE", "/tasks/abc/references.png", {"GET", "HEAD"}),
        ("PUT", "/jobs/abc", {"DELETE", "GET", "HEAD"}),
        ("OPTIONS", "/jobs/abc", {"DELETE", "GET", "HEAD"}),
        ("DELETE", "/jobs/abc/events", {"GET", "HEAD"}),
        ("POST", "/docs/swagger-ui.css", {"GET", "HEAD"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("BREW", "/models", {"GET", "HEAD"}),
    ],
)
def test_method_when_the_path_does_not_take_it(api: "Api", method: str, path: str, allowed: set[str]) -> None:
    """405 with every method that the path does take, whichever route takes it."""
    response = api.client.request(method, path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed
    assert response.headers["content-type"] == "application/problem+json"


def test_head_when_the_queue_is_away(tmp_path, start_api: Callable[[Settings], "Api"]) -> None:
    """A problem has its headers and no body."""
    client = start_api(Settings(profile="oracle-linear", state_dir=tmp_path, redis_url=f"unix://{tmp_path}/no")).client
    response = client.head("/jobs/abc")
    assert (response.status_code, response.content) == (503, b"")
    assert "retry-after" in response.headers
