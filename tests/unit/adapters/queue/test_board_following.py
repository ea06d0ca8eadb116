"""What an owner may know of a job that goes on: its place in line, and the votes that may be watched."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import redis

from adapters.contract.access import Caller
from adapters.contract.jobs import JobRecord, JobRequest, PreviewRequest, Shard
from adapters.contract.live_votes import live_votes
from adapters.contract.records import JobKind
from adapters.queue.asking import Asked
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.smoothing.looks import Looks
from robustify.types import Phase, PredictTest
from tests.answers import answer_of, preview_of

LOOKS = Looks(10)
SEQUENTIAL = {"kind": JobKind.PREDICT, "test": PredictTest.SEQUENTIAL, "looks": LOOKS, "n": 50}
MakeRequest = Callable[..., JobRequest]


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)


@pytest.fixture
def submit(board: JobBoard, make_request: MakeRequest) -> Callable[..., JobRecord]:
    """Submits a request of an owner, each about an image of its own unless its number says otherwise."""
    numbers = iter(range(1, 1000))

    def submit(owner: str = "", number: int | None = None, **others: Any) -> JobRecord:
        value = (next(numbers) if number is None else number) / 1000
        image = np.full((3, 32, 32), value, dtype=np.float32)
        return board.submit(make_request(image, **others), 10, Asked(Caller(owner=owner)))

    return submit


def count(board: JobBoard, job: JobRecord, phase: Phase, first: int, votes: list[int]) -> None:
    shard = Shard(phase=phase, first=first, count=sum(votes))
    assert board.lease(job.job, shard, "test")
    assert board.record_votes(job.job, shard, job.vote_request.fingerprint, votes).counted


def test_place_when_owners_take_turns(board: JobBoard, submit: Callable[..., JobRecord]) -> None:
    """It is the number of jobs that begin before, one of each owner's in turn: as they are then begun."""
    waiting = [submit(owner) for owner in ("a", "a", "a", "b", "c", "b")]
    places = {job.job: board.ahead(job.id, job.owner) for job in waiting}
    assert list(places.values()) == [0, 3, 5, 1, 2, 4]
    begun: list[str] = []
    while popped := board._call("pop", queues=[waiting_queue(board, waiting[0])], seconds=60):
        if (job := popped[1].partition("-")[0]) not in begun:
            begun.append(job)
    assert begun == sorted(places, key=lambda job: places[job] or 0)


def waiting_queue(board: JobBoard, job: JobRecord) -> str:
    return f"{job.request.kind}:{job.request.engine[:16]}"


def test_place_when_it_does_not_wait(board: JobBoard, submit: Callable[..., JobRecord]) -> None:
    """One that has begun, was let go, is another's or is none has none."""
    job = submit("a", **SEQUENTIAL)
    assert board.ahead(job.id, "b") is None
    assert board.ahead("q" * 26, "a") is None
    count(board, job, Phase.PREDICT, 0, [9, 1])
    assert board.ahead(job.id, "a") is None
    other = submit("a")
    board.let_go(other.id, "a")
    assert board.ahead(other.id, "a") is None


def test_votes_when_they_are_watched(board: JobBoard, submit: Callable[..., JobRecord]) -> None:
    """They are those of the phase that decides, for the owner alone; the ledger counts the answer once from then on."""
    job = submit("a", **SEQUENTIAL)
    assert board.watched_votes(job.id, "a") is None
    assert board.ledger("a").predictions.issued == 0
    count(board, job, Phase.PREDICT, 0, [9, 1])
    assert board.watched_votes(job.id, "b") is None
    counted = board.watched_votes(job.id, "a")
    assert counted is not None
    votes = live_votes(job.vote_request, counted)
    assert [vote.count for vote in votes or ()] == [9, 1]
    for _ in range(3):
        board.watched_votes(job.id, "a")
    assert (board.ledger().predictions.issued, board.ledger("a").predictions.issued) == (1, 1)


def test_ledger_when_a_watched_job_is_canceled(board: JobBoard, submit: Callable[..., JobRecord]) -> None:
    """The answer stays counted: who looks, and keeps what pleases, has drawn as often as it has looked."""
    for number in range(5):
        job = submit("a", number, **SEQUENTIAL)
        count(board, job, Phase.PREDICT, 0, [6, 4])
        board.watched_votes(job.id, "a")
        board.let_go(job.id, "a")
        assert board.watched_votes(job.id, "a") is None
    assert board.ledger("a").predictions.issued == 5


def test_ledger_when_the_queue_server_forgets_what_was_watched(
    board: JobBoard, submit: Callable[..., JobRecord], connection: redis.Redis
) -> None:
    """The store has it: once for the job, whoever watched and whoever was answered."""
    job, other = submit("a", 7, **SEQUENTIAL), submit("b", 7, **SEQUENTIAL)
    count(board, job, Phase.PREDICT, 0, [10, 0])
    board.watched_votes(job.id, "a")
    board.agree_on_ledger()
    assert board.finish(job.job, answer_of(board, job.job, samples=10, outcome="predicted", index=0))
    canceled = submit("b", 8, **SEQUENTIAL)
    count(board, canceled, Phase.PREDICT, 0, [6, 4])
    board.watched_votes(canceled.id, "b")
    board.let_go(canceled.id, "b")
    connection.flushall()
    assert [board.ledger(owner).predictions.issued for owner in ("", "a", "b")] == [2, 1, 2]
    assert other.job == job.job


def test_ledger_when_a_watched_job_ends(board: JobBoard, submit: Callable[..., JobRecord]) -> None:
    """It is charged once: to who watched when it did, to the other who waited for the same when it ended."""
    job, other = submit("a", 7, **SEQUENTIAL), submit("b", 7, **SEQUENTIAL)
    assert job.job == other.job
    count(board, job, Phase.PREDICT, 0, [10, 0])
    board.watched_votes(job.id, "a")
    assert board.ledger("b").predictions.issued == 0
    assert board.finish(job.job, answer_of(board, job.job, samples=10, outcome="predicted", index=0))
    assert [board.ledger(owner).predictions.issued for owner in ("", "a", "b")] == [1, 1, 1]


@pytest.mark.parametrize(
    "asked", [{"kind": JobKind.PREDICT, "n": 50}, {"n0": 20, "n": 50, "selection_looks": LOOKS}, {"n0": 20, "n": 50}]
)
def test_votes_when_looking_is_not_sound(
    board: JobBoard, submit: Callable[..., JobRecord], asked: dict[str, Any]
) -> None:
    """A fixed number of samples is looked at once, and what chooses a class by nobody: neither is told or charged."""
    job = submit("a", **asked)
    first = job.vote_request.phases[0]
    for start in range(0, 20, 10):
        count(board, job, first.phase, start, [9, 1])
        assert board.watched_votes(job.id, "a") is None
    if first.phase is Phase.SELECT:
        assert board.select(job.job, 0, 20) == 0
        count(board, job, Phase.ESTIMATE, 0, [9, 1])
        assert board.watched_votes(job.id, "a") is None
    assert (board.ledger().certificates.issued, board.ledger().predictions.issued) == (0, 0)


@pytest.fixture
def preview(make_request: MakeRequest) -> PreviewRequest:
    """A preview of an image that a question was asked about."""
    asked = make_request()
    kept = {name: getattr(asked, name) for name in ("image", "labels", "template", "sigma", "profile", "engine")}
    return PreviewRequest(**kept, fingerprint=asked.fingerprint)


def test_preview_when_it_is_asked_for(board: JobBoard, preview: PreviewRequest) -> None:
    """It is no question: it counts in usage, and neither in the ledger, nor in the questions about its image."""
    admission = board.admit_preview(preview, Asked(Caller(owner="a")))
    assert admission.needs_image
    again = board.admit_preview(preview, Asked(Caller(owner="a")))
    assert again.record.id == admission.record.id
    theirs = board.admit_preview(preview, Asked(Caller(owner="b")))
    assert theirs.record.job != admission.record.job
    assert board.questions_about(preview.image.sha256, "a") == 0
    assert board.usage("a", 1).days[0].samples == 2
    assert (board.ledger().certificates.issued, board.ledger().predictions.issued) == (0, 0)


def test_preview_when_it_is_made(board: JobBoard, preview: PreviewRequest) -> None:
    """It ends for the worker that holds it, and takes no votes; it is found by its kind and its outcome."""
    admission = board.admit_preview(preview, Asked(Caller(owner="a")))
    board.commit(admission)
    job, shard = admission.record, Shard(phase=Phase.PREVIEW, first=0, count=2)
    assert board.lease(job.job, shard, "one")
    assert board.record_votes(job.job, shard, preview.fingerprint, [2, 0]).refusal == "no-votes"
    assert not board.complete(job.job, shard, "two", preview_of(preview))
    assert board.complete(job.job, shard, "one", preview_of(preview))
    held = board.held(job.id, "a")
    assert held is not None
    assert (held.status, held.result, held.samples_done) == ("succeeded", preview_of(preview), 2)
    for outcome, found in (("previewed", [job.id]), ("certified", []), ("", [job.id])):
        listing = board.listing("a", 10, outcome=outcome)
        assert listing is not None
        assert [record.id for record in listing.records] == found
    assert board.erase(job.id, "a")
    assert board.held(job.id, "a") is None


def test_questions_when_there_are_too_many(
    connection: redis.Redis, queue_settings: Settings, preview: PreviewRequest, make_request: MakeRequest
) -> None:
    """An image that may be asked about no more can still be looked at."""
    board = JobBoard(connection, queue_settings.model_copy(update={"max_questions_per_image": 1}))
    board.submit(make_request(), 10)
    assert board.admit_preview(preview).record.status == "queued"
