"""How a job is followed when the stream of its events breaks, lies or is none."""

import asyncio
import json
from collections.abc import Callable

import pytest

from robustify_client import AsyncClient, Client, JobEvent, NotFound, UnexpectedAnswer
from tests.client_samples import JOB_ID, QUICK, job
from tests.misbehaving_server import Behaviour, answering, head, misbehaving, problem, resetting, saying

Follow = Callable[[str], list[JobEvent]]
RUNNING = answering(job("running", done=0))
STREAM = head(200, Content_Type="text/event-stream; charset=utf-8")


def event(name: str, data: object, event_id: str | None = None) -> bytes:
    written = data if isinstance(data, str) else json.dumps(data)
    marked = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {name}\n{marked}data: {written}\n\n".encode()


def progress(done: int) -> bytes:
    told = {"status": "running", "progress": {"done": done, "total": 100, "unit": "samples"}}
    return event("progress", told, str(done))


DONE = event("done", job(), "done")


def follow(url: str) -> list[JobEvent]:
    with Client(url, retries=QUICK) as client:
        followed = client.job(JOB_ID)
        events = list(followed.events())
        assert followed.done
        assert followed.result.outcome == "predicted"
        return events


def follow_async(url: str) -> list[JobEvent]:
    async def run() -> list[JobEvent]:
        async with AsyncClient(url, retries=QUICK) as client:
            followed = await client.job(JOB_ID)
            events = [event async for event in followed.events()]
            assert followed.done
            assert followed.result.outcome == "predicted"
            return events

    return asyncio.run(run())


@pytest.fixture(params=[follow, follow_async], ids=["sync", "async"], name="follow")
def follow_by_either(request: pytest.FixtureRequest) -> Follow:
    found: Follow = request.param
    return found


def counts(events: list[JobEvent]) -> list[int]:
    return [event.progress.done for event in events]


def test_stream_from_begin_to_end(follow: Follow) -> None:
    """Each event once, the last one with the job."""
    with misbehaving(RUNNING, saying(STREAM + progress(10) + b": ping\n\n" + progress(20) + DONE)) as server:
        events = follow(server.url)
    assert counts(events) == [10, 20, 25]
    assert [event.job is None for event in events] == [True, True, False]


@pytest.mark.parametrize(
    "broken",
    [
        saying(STREAM + progress(10)),
        resetting(STREAM + progress(10)),
        saying(STREAM + progress(10) + DONE[:60]),
        saying(STREAM + progress(10) + event("progress", "{garbage") + progress(99)),
        saying(STREAM + progress(10) + event("progress", {"status": 5})),
        saying(STREAM + progress(10) + event("done", job("running"))),
        saying(STREAM + progress(10) + event("done", {**job(), "id": "another"})),
        saying(STREAM + progress(10) + b"data: " + b"x" * (17 << 20)),
    ],
    ids=["ends", "reset", "cut", "garbage", "other fields", "not done", "another job", "too large"],
)
def test_stream_that_breaks(follow: Follow, broken: Behaviour) -> None:
    """It is taken up where it was lost, and nothing is told twice."""
    with misbehaving(RUNNING, broken, saying(STREAM + progress(30) + DONE)) as server:
        assert counts(follow(server.url)) == [10, 30, 25]
    assert server.received[2].headers["last-event-id"] == "10"


def test_unknown_event(follow: Follow) -> None:
    """An event of a later release is passed over."""
    with misbehaving(RUNNING, saying(STREAM + event("weather", "fine") + DONE)) as server:
        assert counts(follow(server.url)) == [25]


@pytest.mark.parametrize(
    "no_stream",
    [saying(head(204)), answering(b"<html>", 200, Content_Type="text/html"), answering(job("running"))],
    ids=["nothing more", "HTML", "JSON"],
)
def test_no_stream(follow: Follow, no_stream: Behaviour) -> None:
    """The job is asked for instead, and only what moves is told."""
    now = [answering(job("running", done=done)) for done in (0, 10, 10)]
    with misbehaving(RUNNING, no_stream, *now, answering(job())) as server:
        assert counts(follow(server.url)) == [10, 25]
    assert {request.path for request in server.received[2:]} == {f"/jobs/{JOB_ID}"}


def test_stream_that_never_brings_anything(follow: Follow) -> None:
    """After some of them the job is asked for instead."""
    breaks = [resetting(STREAM)] * 4
    with misbehaving(RUNNING, *breaks, answering(job())) as server:
        assert counts(follow(server.url)) == [25]


def test_stream_of_a_busy_service(follow: Follow) -> None:
    """It is tried again."""
    with misbehaving(RUNNING, problem("busy", 503), saying(STREAM + DONE)) as server:
        assert counts(follow(server.url)) == [25]


def test_job_that_is_done_already(follow: Follow) -> None:
    """There is one event, and no request for it."""
    with misbehaving(answering(job())) as server:
        assert counts(follow(server.url)) == [25]
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem("unknown-job", 404), NotFound),
        (answering(b"", 302, Location="http://elsewhere.example/"), UnexpectedAnswer),
    ],
)
def test_job_that_is_gone(follow: Follow, answer: Behaviour, error: type[Exception]) -> None:
    """An error of the service is raised, and a redirect not followed."""
    with misbehaving(RUNNING, answer) as server, pytest.raises(error):
        follow(server.url)
