"""The clients against servers that fail, lie and attack."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from robustify_client import (
    NO_RETRIES,
    Client,
    JobCanceled,
    JobExpired,
    JobFailed,
    LimitReached,
    NotFound,
    RequestRefused,
    Retries,
    ServiceFault,
    StillRunning,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from tests.client_samples import JOB_ID, PREVIEWED, QUICK, Call, job
from tests.misbehaving_server import (
    answering,
    endless,
    head,
    misbehaving,
    problem,
    resetting,
    saying,
    silent,
)

PICTURE = b"a picture"
LABELS = ["cat", "dog"]
KEY = "rk_secret"
BUSY = problem("busy", 503, Retry_After="0")
HTML = b"<html><body>Bad gateway</body></html>"
MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    "failure",
    [
        resetting(),
        resetting(head(200, Content_Length="5000") + b'{"id"'),
        saying(head(200, Content_Length="5000") + b'{"id"'),
        saying(b""),
        saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
        BUSY,
        answering(HTML, 502, Content_Type="text/html"),
        problem("too-many-requests", 429, Retry_After="0"),
    ],
    ids=["reset", "reset in the middle", "cut off", "nothing", "no HTTP", "503", "502 of a proxy", "429"],
)
def test_failure_that_passes(call: Call, failure) -> None:
    """The same request is sent again under the same key, until it is answered."""
    with misbehaving(failure, failure, answering(job())) as server:
        assert call(server.url, "predict", PICTURE, LABELS).label == "cat"
    keys = {request.headers["idempotency-key"] for request in server.received}
    assert (len(server.received), len(keys)) == (3, 1)


def test_two_questions(call: Call) -> None:
    """Each has a key of its own."""
    with misbehaving(answering(job())) as server:
        for _ in range(2):
            call(server.url, "predict", PICTURE, LABELS)
    assert len({request.headers["idempotency-key"] for request in server.received}) == 2


@pytest.mark.slow
def test_date_to_come_back(call: Call) -> None:
    """A 429 with a date is waited for until then."""
    until = datetime.now(UTC) + timedelta(seconds=2)
    with misbehaving(problem("busy", 429, Retry_After=format_datetime(until, usegmt=True)), answering(job())) as server:
        assert call(server.url, "predict", PICTURE, LABELS).label == "cat"
    assert datetime.now(UTC) >= until.replace(microsecond=0)


@pytest.mark.parametrize("told", ["86400", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_far_too_long_to_wait(call: Call, told: str) -> None:
    """What lies behind the deadline is an error at once, which says when to come back."""
    with misbehaving(problem("allowance-used", 429, Retry_After=told)) as server:
        with pytest.raises(LimitReached) as caught:
            call(server.url, "predict", PICTURE, LABELS)
    assert len(server.received) == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 80_000


@pytest.mark.parametrize("told", ["soon", "-5", "1e400", "9" * 5000, "Fri, 99 Foo 2100", "inf"])
def test_retry_after_that_says_nothing(call: Call, told: str) -> None:
    """It is as if it were not there, or as far as can be: nothing fails of it."""
    with misbehaving(problem("busy", 503, Retry_After=told), answering(job())) as server:
        try:
            assert call(server.url, "predict", PICTURE, LABELS).label == "cat"
        except Unavailable:
            assert len(server.received) == 1


def test_busy_for_ever(call: Call) -> None:
    """The deadline ends it, with what was answered last."""
    brief = Retries(seconds=0.4, first_pause=0.05, longest_pause=0.1)
    began = time.monotonic()
    with misbehaving(BUSY) as server, pytest.raises(Unavailable, match="It is so"):
        call(server.url, "predict", PICTURE, LABELS, client_retries=brief)
    assert 2 < len(server.received) < 60
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "body",
    [
        HTML,
        b'{"id": "1", "stat',
        b"[]",
        b"null",
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"detail": "hello"}',
        json.dumps(job(progress={"done": "many"})).encode(),
        json.dumps(job(result={"outcome": "predicted"})).encode(),
        b'{"done": NaN}',
    ],
    ids=[
        "HTML",
        "cut",
        "list",
        "null",
        "empty",
        "no text",
        "deep list",
        "deep object",
        "other",
        "type",
        "result",
        "NaN",
    ],
)
def test_answer_that_is_none(call: Call, body: bytes) -> None:
    """A good status with a body that cannot be read is an error of its own, and not asked for again."""
    with misbehaving(answering(body)) as server, pytest.raises(UnexpectedAnswer):
        call(server.url, "predict", PICTURE, LABELS)
    assert len(server.received) == 1


@pytest.mark.parametrize("evil", ["../../certificates/key", "a/../b", "", "x" * 65, "1?wait=9", "a\nb", "%2e%2e"])
def test_id_that_is_a_path(call: Call, evil: str) -> None:
    """What a server calls its jobs cannot become another address."""
    with misbehaving(answering(job("running", id=evil))) as server, pytest.raises(UnexpectedAnswer):
        call(server.url, "predict", PICTURE, LABELS)
    assert [request.path for request in server.received] == ["/predict"]


@pytest.mark.parametrize("name", ["../../certificates/key", "noisy?key=1", "a/b", "http://elsewhere.example/"])
def test_picture_that_is_a_path(name: str) -> None:
    """What a picture is called cannot become another address, nor can what the service says of where it is."""
    with misbehaving(answering(job(kind="preview")), answering(b"a file")) as server, Client(server.url) as client:
        assert client.job(JOB_ID).picture(name) == b"a file"
    assert server.received[1].path == f"/jobs/{JOB_ID}/pictures/{quote(name, safe='')}"


@pytest.mark.parametrize("wrong", [{"seen": None}, {"pictures": [{"name": 3}]}, {"change": {"radius": "far"}}])
def test_preview_that_cannot_be_read(call: Call, wrong: dict[str, object]) -> None:
    """It is typed, or an error."""
    with misbehaving(answering(job(kind="preview"))) as server:
        seen = call(server.url, "preview", PICTURE, LABELS, draw=3).seen
    assert (seen.plain, seen.noisy) == ("cat", None)
    with misbehaving(answering(job(kind="preview", result={**PREVIEWED, **wrong}))) as server:
        with pytest.raises(UnexpectedAnswer, match="PreviewResult"):
            call(server.url, "preview", PICTURE, LABELS)


def test_links_to_another_host(call: Call) -> None:
    """Links are not followed: the key goes to the address that was given, and to no other."""
    with misbehaving(answering(job("running")), answering(job())) as server:
        assert call(server.url, "predict", PICTURE, LABELS, client_key=KEY).label == "cat"
    assert [request.path for request in server.received] == ["/predict", f"/jobs/{JOB_ID}"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(call: Call, status: int) -> None:
    """It is not followed, be it to another host or to itself without end."""
    with misbehaving(answering(job())) as other:
        with misbehaving(answering(b"", status, Location=f"{other.url}/predict")) as server:
            with pytest.raises(UnexpectedAnswer, match="points elsewhere"):
                call(server.url, "predict", PICTURE, LABELS, client_key=KEY)
    assert (len(server.received), other.received) == (1, [])


def test_cookies(call: Call) -> None:
    """They are not kept, and not sent back."""
    first = answering(job("running"), Set_Cookie="a=1; Path=/")
    with misbehaving(first, answering(job())) as server:
        call(server.url, "predict", PICTURE, LABELS)
    assert "cookie" not in server.received[1].headers


@pytest.mark.slow
@pytest.mark.parametrize("length", [None, str(1 << 30)])
def test_answer_of_a_gigabyte(call: Call, length: str | None) -> None:
    """It is read up to the bound, and no further."""
    named = {} if length is None else {"Content_Length": length}
    behave, sent = endless(head(200, **named), b" " * MEBIBYTE, 1 << 30)
    with misbehaving(behave) as server, pytest.raises(UnexpectedAnswer, match="64 MiB"):
        call(server.url, "predict", PICTURE, LABELS)
    assert sent[0] < 96 * MEBIBYTE


def test_packed_answer(call: Call) -> None:
    """Nothing is unpacked: a kilobyte of it may be a gigabyte."""
    with misbehaving(answering(b"\x1f\x8b", Content_Encoding="gzip")) as server:
        with pytest.raises(UnexpectedAnswer, match="packed"):
            call(server.url, "predict", PICTURE, LABELS)
    assert server.received[0].headers["accept-encoding"] == "identity"


def test_headers_without_end(call: Call) -> None:
    """They are read up to a bound too."""
    behave, sent = endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 4000 + b"\r\n", 64 * MEBIBYTE)
    with misbehaving(behave) as server, pytest.raises(Unreachable):
        call(server.url, "predict", PICTURE, LABELS, client_retries=NO_RETRIES)
    assert sent[0] < 16 * MEBIBYTE


def test_server_that_never_answers(call: Call) -> None:
    """It is given up after the time that was set."""
    began = time.monotonic()
    with misbehaving(silent) as server, pytest.raises(Unreachable, match="in time"):
        call(server.url, "usage", client_timeout=0.3, client_retries=NO_RETRIES)
    assert time.monotonic() - began < 20


def test_server_that_answers_drop_by_drop(call: Call) -> None:
    """The whole answer has that time, and not each of its bytes."""
    dripping = saying(head(200), *[b" "] * 200, pause=0.05)
    began = time.monotonic()
    with misbehaving(dripping) as server, pytest.raises(Unreachable, match="in time"):
        call(server.url, "usage", client_timeout=0.4, client_retries=NO_RETRIES)
    assert time.monotonic() - began < 8


def test_nobody_there(call: Call) -> None:
    """It is said where nobody was found, and how often it was tried."""
    with misbehaving(silent) as server:
        pass
    with pytest.raises(Unreachable, match="is it running.*attempts"):
        call(server.url, "models", client_retries=Retries(seconds=0.3, first_pause=0.02, longest_pause=0.05))


@pytest.mark.parametrize(
    ("status", "error"), [("expired", JobExpired), ("canceled", JobCanceled), ("failed", JobFailed)]
)
def test_job_that_comes_to_nothing(call: Call, status: str, error: type[Exception]) -> None:
    """The error says why, and has the job."""
    why = {"type": "/problems/worker-lost", "title": "Lost", "detail": "All workers vanished."}
    told = why if status == "failed" else None
    with misbehaving(answering(job("running")), answering(job(status, error=told))) as server:
        with pytest.raises(error) as caught:
            call(server.url, "certify", PICTURE, LABELS)
    assert caught.value.job.id == JOB_ID  # type: ignore[attr-defined]
    assert "All workers vanished." in str(caught.value) or status in str(caught.value)


def test_job_that_never_ends(call: Call) -> None:
    """It is waited for as long as was said; a service that does not wait is not asked without end."""
    with misbehaving(answering(job("running"))) as server, pytest.raises(StillRunning) as caught:
        call(server.url, "certify", PICTURE, LABELS, timeout=0.6)
    assert caught.value.job is not None
    assert len(server.received) < 10


def test_markup_and_control_characters_of_a_problem(call: Call) -> None:
    """What a server says cannot change a terminal, and is not shown at any length."""
    detail = "\x1b[2J\x1b]0;owned\x07 <script>" + "a" * 100_000
    with misbehaving(problem("invalid-input", 422, detail)) as server, pytest.raises(RequestRefused) as caught:
        call(server.url, "predict", PICTURE, LABELS)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("errors", [None, {}, "x", [1, None, {"field": 3}], [{"field": "n"}] * 5000])
def test_problem_whose_fields_are_none(call: Call, errors: object) -> None:
    """The error is of its family all the same."""
    document = {"type": 5, "status": "x", "detail": None, "errors": errors}
    with misbehaving(answering(document, 500)) as server, pytest.raises(ServiceFault) as caught:
        call(server.url, "usage")
    assert len(caught.value.fields) <= 100


def test_deletion_whose_answer_was_lost(call: Call) -> None:
    """What is gone by then was deleted by the first request."""
    with misbehaving(resetting(), problem("unknown-task", 404)) as server:
        call(server.url, "delete_task", "pets")
    assert len(server.received) == 2


def test_deletion_of_what_was_never_there(call: Call) -> None:
    """That is an error, where no answer was lost."""
    with misbehaving(problem("unknown-task", 404)) as server, pytest.raises(NotFound):
        call(server.url, "delete_task", "pets")


def test_pages_without_end(call: Call) -> None:
    """A list whose next page is the same one ends."""
    page = {"data": [], "has_more": True, "first_id": None, "last_id": "a"}
    with misbehaving(answering(page)) as server:
        assert call(server.url, "jobs") == []
    assert len(server.received) == 2


def test_page_of_another_place(call: Call) -> None:
    """A name with a slash stays one name."""
    with misbehaving(problem("unknown-task", 404)) as server, pytest.raises(NotFound):
        call(server.url, "task", "../jobs?a=b#c")
    assert server.received[0].path == "/tasks/..%2Fjobs%3Fa%3Db%23c"


def test_key_that_nobody_sees() -> None:
    """It stands in no text of the client and in no error."""
    with misbehaving(problem("invalid-key", 401)) as server, Client(server.url, KEY, retries=QUICK) as client:
        with pytest.raises(Exception, match="It is so") as caught:
            client.usage()
        assert KEY not in f"{client!r} {client.__dict__} {caught.value!r} {vars(caught.value)}"
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
