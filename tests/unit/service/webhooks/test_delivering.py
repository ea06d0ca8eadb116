"""Deliveries from a real board to real receivers, until somebody has heard them."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import anyio
import numpy as np
import pytest
import redis
from standardwebhooks import Webhook

from adapters.contract.access import Caller
from adapters.contract.batch import BatchEntry
from adapters.contract.jobs import JobError, JobRecord, JobRequest, Shard
from adapters.contract.records import JobKind
from adapters.contract.webhook import Receivers
from adapters.queue.asking import Asked
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.types import Phase
from service.webhooks import delivering
from service.webhooks.delivering import RETRY_SECONDS, Deliveries, seconds_until_next
from service.webhooks.signing import Signer
from tests.answers import answer_of
from tests.receivers import Received, Receiver, receiving

SAMPLES = 100
MakeRequest = Callable[..., JobRequest]


@pytest.fixture
def settings(queue_settings: Settings) -> Settings:
    return queue_settings.model_copy(update={"webhook_hosts": "127.0.0.1"})


@pytest.fixture
def board(connection: redis.Redis, settings: Settings) -> JobBoard:
    return JobBoard(connection, settings)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes takes a moment."""
    monkeypatch.setattr(delivering, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(delivering, "RETRY_SECONDS", (0.05,))


@pytest.fixture
def end_job(board: JobBoard, make_request: MakeRequest) -> Callable[..., JobRecord]:
    """Ends jobs about images of their own: with an answer, or else as is asked for."""
    numbers = count(1)

    def end(webhook: str | None, owner: str = "ann", failed: bool = False) -> JobRecord:
        image = np.full((3, 32, 32), next(numbers) / 1000, dtype=np.float32)
        request = make_request(image, kind=JobKind.PREDICT, n=SAMPLES)
        job = board.submit(request, SAMPLES, Asked(Caller(owner=owner), webhook=webhook))
        if failed:
            board.fail(job.job, JobError(type="internal-error", title="It failed", detail="It has failed."))
            return job
        shard = Shard(phase=Phase.PREDICT, first=0, count=SAMPLES)
        assert board.lease(job.job, shard, "worker")
        assert board.record_votes(job.job, shard, job.vote_request.fingerprint, [SAMPLES, 0]).counted
        answer = answer_of(board, job.job, outcome="predicted", label="left", index=0)
        assert board.finish(job.job, answer)
        return job

    return end


def deliver(settings: Settings, board: JobBoard, until: Callable[[], bool], seconds: float = 10) -> None:
    """Runs deliveries until this holds."""

    async def run() -> None:
        with anyio.fail_after(seconds):
            async with anyio.create_task_group() as group:
                group.start_soon(Deliveries(settings, board, Receivers.of(settings)).run)
                while not until():
                    await anyio.sleep(0.02)
                group.cancel_scope.cancel()

    anyio.run(run)


def is_done(board: JobBoard) -> Callable[[], bool]:
    return lambda: board.figures().deliveries == 0


def counted(board: JobBoard, what: str) -> float:
    return board.figures().counters.get(f"deliveries:{what}", 0)


def event_in(received: Received, settings: Settings, owner: str = "ann") -> Any:  # Any: JSON.
    """What was received, once its signature holds."""
    return Webhook(Signer(settings).secret_of(owner)).verify(received.body, received.headers)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


EndJob = Callable[..., JobRecord]


def test_event_when_a_job_succeeds(settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver) -> None:
    """It is signed with the owner's secret, names the job, and has no votes and no other label than the answer's."""
    job = end_job(receiver.url)
    deliver(settings, board, is_done(board))
    (received,) = receiver.received
    event = event_in(received, settings)
    assert event["type"] == "job.succeeded"
    assert event["data"] == {
        "id": job.id, "kind": "predict", "status": "succeeded", "outcome": "predicted", "label": "left", "radius": None,
        "links": {"self": f"/jobs/{job.id}"},
    }  # fmt: skip
    assert received.headers["webhook-id"] == job.id
    assert b"right" not in received.body
    assert len(received.body) < 20_000
    assert counted(board, "delivered") == 1


def test_event_when_a_job_fails(settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver) -> None:
    """It says so, and not why: that is for who may read the job."""
    end_job(receiver.url, failed=True)
    deliver(settings, board, is_done(board))
    event = event_in(receiver.received[0], settings)
    assert (event["type"], event["data"]["label"]) == ("job.failed", None)
    assert b"It has failed" not in receiver.received[0].body


def test_event_when_a_batch_is_done(settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver) -> None:
    """It counts how its images ended."""
    job = end_job(None)
    refused = JobError(type="unreadable-image", title="No", detail="It is broken.")
    entries = [BatchEntry(ticket=job.id), BatchEntry(name="b.png", error=refused)]
    asked = Asked(Caller(owner="ann"), webhook=receiver.url)
    batch, _ = board.add_batch(JobKind.PREDICT, entries, "a digest", asked)
    deliver(settings, board, is_done(board))
    event = event_in(receiver.received[0], settings)
    assert event["type"] == "batch.done"
    assert event["data"]["counts"] == {"succeeded": 1, "refused": 1}
    assert event["data"]["links"] == {"self": f"/batches/{batch.id}"}


@pytest.mark.parametrize("status", [500, 404, 307, 429])
def test_delivery_when_it_is_not_taken(
    settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver, status: int
) -> None:
    """It comes again under the same id, with a signature of its own time, until it is taken."""
    receiver.statuses = [status, status, 200]
    end_job(receiver.url)
    deliver(settings, board, is_done(board))
    assert len(receiver.received) == 3
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    for received in receiver.received:
        event_in(received, settings)
    assert (counted(board, "failed"), counted(board, "delivered")) == (2, 1)


def test_delivery_when_the_receiver_is_gone(
    settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver
) -> None:
    """It is told nothing more at this address, of this owner's; another owner's still are."""
    receiver.statuses = [410, 200]
    end_job(receiver.url)
    deliver(settings, board, is_done(board))
    end_job(receiver.url)
    deliver(settings, board, is_done(board))
    assert len(receiver.received) == 1
    assert counted(board, "gone") == 2
    end_job(receiver.url, owner="bob")
    deliver(settings, board, is_done(board))
    event_in(receiver.received[1], settings, "bob")


def test_delivery_when_another_receiver_is_slow(settings: Settings, board: JobBoard, end_job: EndJob) -> None:
    """It does not wait for that one, which is asked two things at once at most."""
    with receiving(Receiver(delay=1.0)) as slow, receiving() as quick:
        for _ in range(6):
            end_job(slow.url)
        end_job(quick.url)
        deliver(settings, board, lambda: len(quick.received) == 1)
        assert (len(slow.received), slow.most_at_once) == (2, 2)


def test_delivery_when_several_processes_run(
    settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver
) -> None:
    """Each is sent by one of them."""
    for _ in range(5):
        end_job(receiver.url)

    async def run() -> None:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(Deliveries(settings, board, Receivers.of(settings)).run)
                while not is_done(board)():
                    await anyio.sleep(0.02)
                group.cancel_scope.cancel()

    anyio.run(run)
    assert len({received.headers["webhook-id"] for received in receiver.received}) == len(receiver.received) == 5


def test_delivery_when_the_operator_allows_it_no_more(
    settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver
) -> None:
    """Nothing is sent, until it is allowed again: a process with other settings may be at work beside this one."""
    end_job(receiver.url)
    forbidding = settings.model_copy(update={"webhook_hosts": None})
    deliver(forbidding, board, lambda: counted(board, "refused") > 1)
    assert receiver.received == []
    deliver(settings, board, is_done(board))
    assert len(receiver.received) == 1


def test_delivery_when_one_cannot_be_read(
    settings: Settings, board: JobBoard, connection: redis.Redis, end_job: EndJob, receiver: Receiver
) -> None:
    """The others go out."""
    broken, whole = end_job(receiver.url), end_job(receiver.url)
    connection.hset(f"robustify:job:{broken.job}", "request", "no JSON")
    deliver(settings, board, lambda: len(receiver.received) == 1)
    assert receiver.received[0].headers["webhook-id"] == whole.id


def test_log_when_a_receiver_fails(
    settings: Settings, board: JobBoard, end_job: EndJob, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the machine, and neither the path, the query nor the secret."""
    receiver.statuses = [500, 200]
    caplog.set_level("DEBUG", logger="service")
    end_job(receiver.url)
    deliver(settings, board, is_done(board))
    assert f"127.0.0.1:{receiver.port} was not delivered: status 500" in caplog.text
    assert "token" not in caplog.text
    assert "whsec" not in caplog.text


def test_pause_when_attempts_fail() -> None:
    """It grows, and ends in one of an hour; it is never quite the same."""
    assert json.dumps(RETRY_SECONDS) == "[5, 30, 120, 600, 3600]"
    pauses = [seconds_until_next(attempts) for attempts in range(100)]
    assert len(set(pauses)) > 1
