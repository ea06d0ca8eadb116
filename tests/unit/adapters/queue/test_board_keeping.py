"""What the board keeps for an owner, how long, and what it forgets, on a real queue server."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import redis

from adapters.contract.access import Caller
from adapters.contract.jobs import JobRecord, JobRequest, JobStatus, Shard
from adapters.contract.records import JobKind
from adapters.queue.asking import Asked, Listing
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.outcomes import OutcomeStore
from adapters.store.tensors import ImageStore
from robustify.types import Phase
from tests.answers import answer_of

SAMPLES = 100
SHARD = Shard(phase=Phase.PREDICT, first=0, count=SAMPLES)
ANN, BOB = Asked(Caller(owner="ann")), Asked(Caller(owner="bob"))
MakeRequest = Callable[..., JobRequest]


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)


@pytest.fixture
def question(make_request: MakeRequest) -> MakeRequest:
    """Makes predictions, each about an image of its own."""
    number = 0

    def make(kind: JobKind = JobKind.PREDICT, **values: object) -> JobRequest:
        nonlocal number
        number += 1
        image = np.full((3, 32, 32), number / 1000, dtype=np.float32)
        return make_request(image, kind=kind, **{"n": SAMPLES, **values})

    return make


def submit(board: JobBoard, request: JobRequest, by: Asked = ANN) -> JobRecord:
    return board.submit(request, SAMPLES, by)


def count(board: JobBoard, job: JobRecord) -> None:
    """Does what a worker would, up to the result."""
    assert board.lease(job.job, SHARD, "worker")
    assert board.record_votes(job.job, SHARD, job.vote_request.fingerprint, [SAMPLES, 0]).counted


def answer(board: JobBoard, job: JobRecord) -> None:
    count(board, job)
    assert board.finish(job.job, answer_of(board, job.job))


def listed(board: JobBoard, limit: int = 20, after: str = "", **only: object) -> Listing:
    found = board.listing("ann", limit, after, **only)  # type: ignore[arg-type]
    assert found is not None
    return found


def ids(found: Listing) -> list[str]:
    return [record.id for record in found.records]


class TestListing:
    def test_when_it_is_read_page_by_page(self, board: JobBoard, question: MakeRequest) -> None:
        """The latest come first, each once, and another's never."""
        jobs = [submit(board, question()).id for _ in range(5)]
        submit(board, question(), BOB)
        seen: list[str] = []
        after, has_more = "", True
        while has_more:
            page = listed(board, 2, after)
            assert len(page.records) <= 2
            seen, after, has_more = [*seen, *ids(page)], page.last, page.has_more
        assert seen == jobs[::-1]

    def test_when_a_page_is_just_full(self, board: JobBoard, question: MakeRequest) -> None:
        """Nothing more is promised where nothing more is."""
        for _ in range(2):
            submit(board, question())
        assert not listed(board, 2).has_more

    def test_when_it_is_filtered(self, board: JobBoard, question: MakeRequest) -> None:
        """By kind, and by the state that its owner sees: one that it let go of is canceled for it alone."""
        shared = question()
        done, canceled, waiting = (submit(board, request) for request in (question(), shared, question()))
        submit(board, shared, BOB)
        dear = submit(board, question(JobKind.CERTIFY))
        answer(board, done)
        board.let_go(canceled.id, "ann")
        assert ids(listed(board, kind=JobKind.CERTIFY)) == [dear.id]
        assert ids(listed(board, status=JobStatus.SUCCEEDED)) == [done.id]
        assert ids(listed(board, status=JobStatus.CANCELED)) == [canceled.id]
        assert ids(listed(board, kind=JobKind.PREDICT, status=JobStatus.QUEUED)) == [waiting.id]

    def test_when_few_of_many_are_asked_for(
        self, board: JobBoard, question: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So many are looked at and no more; the page says where to go on, also where it has no job."""
        monkeypatch.setattr("adapters.queue.asking.MOST_LOOKED_AT", 3)
        dear = submit(board, question(JobKind.CERTIFY))
        for _ in range(4):
            submit(board, question())
        page = listed(board, kind=JobKind.CERTIFY)
        assert (page.records, page.has_more) == ((), True)
        page = listed(board, after=page.last, kind=JobKind.CERTIFY)
        assert (ids(page), page.has_more) == ([dear.id], False)

    def test_when_the_place_is_anothers(self, board: JobBoard, question: MakeRequest) -> None:
        """There is no such place, as there is none of an id that nobody has."""
        job = submit(board, question())
        assert board.listing("bob", 20, job.id) is None
        assert board.listing("bob", 20, "nobody0") is None

    def test_when_a_job_is_erased(self, board: JobBoard, question: MakeRequest) -> None:
        """It is listed no more."""
        jobs = [submit(board, question()) for _ in range(2)]
        assert board.erase(jobs[0].id, "ann")
        assert ids(listed(board)) == [jobs[1].id]


class TestErasing:
    def test_when_another_has_asked_the_same(
        self, board: JobBoard, connection: redis.Redis, queue_settings: Settings, question: MakeRequest
    ) -> None:
        """The one who erases is answered anew, as if it had never asked; the other keeps its answer."""
        request = question()
        anns, bobs = submit(board, request, ANN), submit(board, request, BOB)
        answer(board, anns)
        assert board.erase(anns.id, "ann")
        assert list(connection.scan_iter(f"*{request.question.digest}*")) == [
            f"robustify:outcome:bob:{request.question.digest}".encode()
        ]
        outcomes = OutcomeStore(queue_settings.state.outcomes)
        digests = request.image.sha256, request.question.digest
        assert (outcomes.get("ann", *digests), outcomes.get("bob", *digests) is None) == (None, False)
        assert submit(board, request, ANN).status is JobStatus.QUEUED
        assert submit(board, request, BOB).id == bobs.id

    @pytest.mark.parametrize("how", ["erase", "let_go"])
    def test_when_the_result_is_just_published(
        self,
        board: JobBoard,
        queue_settings: Settings,
        question: MakeRequest,
        how: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Who is gone when the result can be read has no outcome on disk, although it was there when it was settled."""
        request = question()
        anns, bobs = submit(board, request, ANN), submit(board, request, BOB)
        count(board, anns)
        outcomes = board._outcomes
        keep = outcomes.keep

        def keep_and_go(owner: str, *rest: str) -> str:
            kept = keep(owner, *rest)
            getattr(board, how)(anns.id, "ann")
            return kept

        monkeypatch.setattr(outcomes, "keep", keep_and_go)
        assert board.finish(anns.job, answer_of(board, anns.job))
        digests = request.image.sha256, request.question.digest
        assert outcomes.get("ann", *digests) is None
        assert outcomes.get("bob", *digests) is not None
        assert board.held(bobs.id, "bob").status is JobStatus.SUCCEEDED  # type: ignore[union-attr]

    def test_when_the_last_owner_erases_while_the_result_is_published(
        self, board: JobBoard, queue_settings: Settings, question: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The job is gone altogether, and nothing is left of its answer but what the ledger counts."""
        request = question()
        job = submit(board, request)
        count(board, job)
        keep = board._outcomes.keep

        def keep_and_go(*arguments: str) -> str:
            kept = keep(*arguments)
            board.erase(job.id, "ann")
            return kept

        monkeypatch.setattr(board._outcomes, "keep", keep_and_go)
        assert not board.finish(job.job, answer_of(board, job.job))
        assert list(queue_settings.state.outcomes.rglob("*.json")) == []
        assert board.ledger("ann").predictions.issued == 1

    def test_when_the_image_has_more_jobs_than_a_list_holds(
        self, board: JobBoard, connection: redis.Redis, question: MakeRequest
    ) -> None:
        """Those that the list does not name any more are erased too."""
        request = question()
        jobs = [submit(board, request.model_copy(update={"alpha": alpha})) for alpha in (0.001, 0.002)]
        connection.zrem("robustify:owned:ann", jobs[0].id)
        assert board.erase_image(request.image.sha256, "ann") == (True, True)
        assert [board.held(job.id, "ann") for job in jobs] == [None, None]

    def test_when_it_was_the_last_job_about_an_image(self, board: JobBoard, question: MakeRequest) -> None:
        """The image is wanted no more, unless another owner has a job about it."""
        request = question()
        image = request.image.sha256
        first, second = submit(board, request), submit(board, request.model_copy(update={"alpha": 0.01}))
        bobs = submit(board, request, BOB)
        for job, wanted_by_ann in ((first, 1), (second, 0)):
            assert board.erase(job.id, "ann")
            assert (board.usage("ann", 1).images, board.wants_image(image)) == (wanted_by_ann, True)
        assert board.erase(bobs.id, "bob")
        assert (board.wants_image(image), board.old_images()) == (False, [image])

    def test_when_only_outcomes_are_left(
        self, board: JobBoard, connection: redis.Redis, queue_settings: Settings, question: MakeRequest
    ) -> None:
        """They outlive image and jobs, and are forgotten with the image all the same; nobody learns of others'."""
        request = question()
        answer(board, submit(board, request))
        connection.flushall()
        assert board.erase_image(request.image.sha256, "bob") == (False, False)
        assert board.erase_image(request.image.sha256, "ann") == (True, False)
        assert not list(queue_settings.state.outcomes.rglob("*"))
        assert submit(board, request).status is JobStatus.QUEUED


class TestLifetimes:
    def test_when_every_job_is_over(self, connection: redis.Redis, board: JobBoard, question: MakeRequest) -> None:
        """All that was made for a job has an end, but for counters, sums, and what goes with the images."""
        for by in (ANN, BOB):
            answer(board, submit(board, question(), by))
            board.let_go(submit(board, question(), by).id, by.caller.owner)
        ours = [key for key in connection.scan_iter("robustify:*") if connection.ttl(key) == -1]
        with_the_images = {"images", "images-of", "owners-of", "tickets-about"}
        bounded = {"clock", "counters", "ledger", "wake"}
        assert {key.decode().split(":")[1] for key in ours} == bounded | with_the_images

    def test_when_an_image_is_dropped(
        self, connection: redis.Redis, board: JobBoard, queue_settings: Settings, question: MakeRequest
    ) -> None:
        """Nothing on the server names it any more."""
        request = question()
        for by in (ANN, BOB):
            submit(board, request, by)
        connection.zadd("robustify:images", {request.image.sha256: 1.0})
        assert board.remove_image(request.image.sha256, ImageStore(queue_settings.state.images))
        assert [board.usage(owner, 1).images for owner in ("ann", "bob")] == [0, 0]
        assert not [key for key in connection.scan_iter(f"*{request.image.sha256}*") if b"questions" not in key]

    def test_when_an_owner_goes_on_asking(
        self, connection: redis.Redis, queue_settings: Settings, question: MakeRequest
    ) -> None:
        """Its list lives as long as the last of its jobs."""
        lifetimes = {"queue_seconds": 100, "retention_seconds": 1000}
        board = JobBoard(connection, queue_settings.model_copy(update=lifetimes))
        first = submit(board, question())
        assert 1090 <= connection.ttl("robustify:owned:ann") <= 1100
        connection.expire("robustify:owned:ann", 5)
        count(board, first)
        assert connection.ttl("robustify:owned:ann") > 1000


class TestTidying:
    def test_when_two_processes_come(self, board: JobBoard) -> None:
        """One of them has the turn, until its time is over."""
        assert [board.take_turn("search", 0.05) for _ in range(2)] == [True, False]
        assert board.take_turn("another", 0.05)

    def test_when_earlier_releases_left_keys(
        self, board: JobBoard, connection: redis.Redis, question: MakeRequest
    ) -> None:
        """Those that named no owner go; what this release has stays, also of who has no key."""
        answer(board, submit(board, question(), Asked()))
        ours = set(connection.scan_iter("*"))
        digest = "0f" * 32
        connection.set(f"robustify:outcome:{digest}", "{}")
        connection.sadd(f"robustify:questions:{digest}", "a question")
        found = dict(board.earlier_keys(drops=False))
        assert set(found) == {f"robustify:outcome:{digest}", f"robustify:questions:{digest}"}
        assert all(size > 0 for size in found.values())
        assert dict(board.earlier_keys(drops=True)) == found
        assert set(connection.scan_iter("*")) == ours

    def test_when_jobs_are_under_way(self, board: JobBoard, question: MakeRequest) -> None:
        """These are the live ones; those that are done are not."""
        done, waiting = submit(board, question()), submit(board, question(), BOB)
        answer(board, done)
        assert [job.id for job in board.live_jobs()] == [waiting.job]


class TestImages:
    def test_when_one_is_sent_while_it_is_removed(self, board: JobBoard, question: MakeRequest) -> None:
        """The job waits until its image is stored once more; nobody else removes it meanwhile."""
        request = question()
        image = request.image.sha256
        assert board.drop_image(image)
        admission = board.admit(request, SAMPLES, ANN)
        assert not board.commit(admission)
        assert not board.drop_image(image)
        board._call("removed", image=image)
        assert board.commit(admission)
        assert board.commit(admission)

    def test_when_one_cannot_be_removed(
        self, board: JobBoard, queue_settings: Settings, question: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error is told, and whoever sends it is not held up."""
        image = question().image.sha256
        images = ImageStore(queue_settings.state.images)

        def refuse(path: Path, missing_ok: bool = False) -> None:
            raise PermissionError(13, "not allowed")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            with pytest.raises(PermissionError):
                board.remove_image(image, images)
        assert board.remove_image(image, images)


def test_answer_when_a_server_takes_another_s_place(
    board: JobBoard, connection: redis.Redis, queue_settings: Settings, question: MakeRequest
) -> None:
    """It knows of a job, and not that it may begin: for its owner the job is answered, as the other server said."""
    admission = board.admit(question(), SAMPLES, ANN)
    job = admission.record
    replicated = {key: connection.dump(key) for key in connection.scan_iter("robustify:*")}
    assert board.commit(admission)
    answer(board, job)
    given = board.held(job.id, "ann")
    assert given is not None
    assert given.status is JobStatus.SUCCEEDED

    connection.flushall()
    for key, value in replicated.items():
        connection.restore(key, 0, value or b"")
    for expires_at in (time.time() + 60, 0):
        connection.hset(f"robustify:job:{job.job}", "expires_at", expires_at)
        found = board.held(job.id, "ann")
        assert found is not None
        assert (found.status, found.result, found.samples_done) == (given.status, given.result, given.samples_done)
        assert found.ended_at == found.started_at == found.created_at
        assert board.held(job.id, "bob") is None

    OutcomeStore(queue_settings.state.outcomes).forget("ann", job.vote_request.image.sha256)
    lapsed = board.held(job.id, "ann")
    assert lapsed is not None
    assert (lapsed.status, lapsed.result) == (JobStatus.EXPIRED, None)
