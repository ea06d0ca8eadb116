"""Batches, and who is told of what, on a real queue server."""

import time
from contextlib import nullcontext

import pytest

from adapters.contract.batch import BatchEntry, BatchRecord, BatchStatus, ImageStatus
from adapters.contract.jobs import JobError, JobRecord, JobStatus
from adapters.contract.records import JobKind
from adapters.queue.asking import Asked
from adapters.queue.board import JobBoard
from adapters.queue.telling import BATCH, Delivery
from robustify.errors import AllowanceError, QueueFullError, ReusedKeyError
from tests.owners import ANN, BOB, SAMPLES, answer, asked, board, question
from tests.queue_fixtures import MakeRequest

__all__ = ["board", "question"]

ENGINE = "e" * 64
URL = "https://hooks.example.org/a"
BROKEN = BatchEntry(name="broken.png", error=JobError(type="unreadable-image", title="No", detail="It is broken."))


def batch_of(board: JobBoard, *jobs: JobRecord, by: Asked = ANN) -> BatchRecord:
    """A batch of these jobs, after an image that was refused."""
    entries = [BROKEN, *(BatchEntry(name=None, ticket=job.id) for job in jobs)]
    return board.add_batch(JobKind.PREDICT, entries, "a digest", by)[0]


def seen(board: JobBoard, batch: BatchRecord) -> BatchRecord:
    found = board.batch(batch.id, batch.owner)
    assert found is not None
    return found


def delivery_of(board: JobBoard, name: str) -> Delivery:
    found = board.delivery(name)
    assert found is not None
    return found


class TestBatches:
    def test_when_its_jobs_come_to_their_end(self, board: JobBoard, question: MakeRequest) -> None:
        """It stands as its images do, and has ended when the last of them has."""
        first, second = (board.submit(question(), SAMPLES, ANN) for _ in range(2))
        batch = batch_of(board, first, second)
        assert (batch.status, batch.done, batch.ended_at) == (BatchStatus.QUEUED, 1, None)
        answer(board, first)
        halfway = seen(board, batch)
        assert halfway.statuses == (ImageStatus.REFUSED, ImageStatus.SUCCEEDED, ImageStatus.QUEUED)
        assert (halfway.status, halfway.done, halfway.ended_at) == (BatchStatus.RUNNING, 2, None)
        answer(board, second)
        done = seen(board, batch)
        assert done.status is BatchStatus.DONE
        assert done.ended_at is not None

    def test_when_it_is_anothers(self, board: JobBoard, question: MakeRequest) -> None:
        """It can neither be read, listed nor canceled."""
        job = board.submit(question(), SAMPLES, ANN)
        batch = batch_of(board, job)
        assert board.batch(batch.id, "bob") is None
        assert board.let_go_batch(batch.id, "bob") is None
        assert board.batches_of("bob", 10) == []
        assert board.batches_of("ann", 10) == [batch.id]
        assert board.is_live(job.job)

    def test_when_it_is_canceled(self, board: JobBoard, question: MakeRequest) -> None:
        """Its jobs end for its owner; whoever else waits for one of them still gets it."""
        request = question()
        mine, others, own = (board.submit(request, SAMPLES, by) for by in (ANN, BOB, ANN))
        assert mine.id == own.id
        alone = board.submit(question(), SAMPLES, ANN)
        canceled = board.let_go_batch(batch_of(board, mine, alone).id, "ann")
        assert canceled is not None
        assert canceled.statuses == (ImageStatus.REFUSED, ImageStatus.CANCELED, ImageStatus.CANCELED)
        assert canceled.ended_at is not None
        assert (board.is_live(others.job), board.is_live(alone.job)) == (True, False)

    def test_when_all_is_known_or_refused(self, board: JobBoard, question: MakeRequest) -> None:
        """It is done at once, and kept no longer than a job."""
        job = board.submit(question(), SAMPLES, ANN)
        answer(board, job)
        batch = batch_of(board, job)
        assert (batch.status, batch.ended_at is not None) == (BatchStatus.DONE, True)

    def test_when_a_job_of_it_is_erased(self, board: JobBoard, question: MakeRequest) -> None:
        """Its image is shown as forgotten, and nobody waits for it."""
        job = board.submit(question(), SAMPLES, ANN)
        batch = batch_of(board, job)
        assert board.erase(job.id, "ann")
        assert seen(board, batch).statuses[1] is ImageStatus.FORGOTTEN
        assert seen(board, batch).ended_at is not None

    def test_when_one_job_is_in_two(self, board: JobBoard, question: MakeRequest) -> None:
        """Both end with it."""
        job = board.submit(question(), SAMPLES, ANN)
        batches = [batch_of(board, job), batch_of(board, job)]
        answer(board, job)
        assert [seen(board, batch).status for batch in batches] == [BatchStatus.DONE] * 2

    def test_when_it_comes_again(self, board: JobBoard, question: MakeRequest) -> None:
        """Under the same Idempotency-Key it is the one from before; another request under it is refused."""
        job = board.submit(question(), SAMPLES, ANN)
        by = asked("ann", "once")
        assert board.batch_before("a digest", by) is None
        first = batch_of(board, job, by=by)
        found = board.batch_before("a digest", by)
        assert found is not None
        assert found.id == first.id
        assert board.add_batch(JobKind.PREDICT, [BROKEN], "a digest", by)[0].id == first.id
        with pytest.raises(ReusedKeyError):
            board.batch_before("another digest", by)
        with pytest.raises(ReusedKeyError):
            board.submit(question(), SAMPLES, by)
        assert board.batch_before("a digest", asked("bob", "once")) is None

    def test_when_there_are_many(self, board: JobBoard, question: MakeRequest) -> None:
        """An owner has the last 200 of them; one that is not done is forgotten for no other."""
        first = batch_of(board, board.submit(question(), SAMPLES, ANN))
        batches = [batch_of(board) for _ in range(201)]
        kept = board.batches_of("ann", 1000)
        assert (len(kept), kept[0], kept[-1]) == (200, batches[-1].id, first.id)
        assert board.batch(batches[0].id, "ann") is None
        assert board.batches_of("ann", 2, after=kept[0]) == kept[1:3]

    def test_when_none_of_many_is_done(self, board: JobBoard, question: MakeRequest) -> None:
        """No further one is taken, until one of them is."""
        job = board.submit(question(), SAMPLES, ANN)
        for _ in range(200):
            batch_of(board, job)
        with pytest.raises(AllowanceError, match="200 of your batches"):
            board.check_room(JobKind.PREDICT, ENGINE, 1, 100, ANN)
        board.check_room(JobKind.PREDICT, ENGINE, 1, 100, BOB)
        answer(board, job)
        board.check_room(JobKind.PREDICT, ENGINE, 1, 100, ANN)


class TestRoom:
    def test_when_all_of_it_fits(self, board: JobBoard) -> None:
        """Nothing is said, and nothing is taken."""
        by = asked("ann", queued_jobs=3, samples_per_day=300)
        before = board.usage("ann", 1)
        for _ in range(2):
            board.check_room(JobKind.PREDICT, ENGINE, 3, 300, by)
        assert board.usage("ann", 1) == before

    def test_when_more_jobs_would_wait_than_may(self, board: JobBoard, question: MakeRequest) -> None:
        """The refusal says how many may; those that wait count."""
        by = asked("ann", queued_jobs=3)
        waiting = question()
        board.submit(waiting, SAMPLES, by)
        with pytest.raises(AllowanceError, match="3 of your jobs may wait"):
            board.check_room(JobKind.PREDICT, waiting.engine, 3, 300, by)
        with pytest.raises(QueueFullError):
            board.check_room(JobKind.PREDICT, waiting.engine, 1000, 1000, Asked())

    def test_when_jobs_of_another_engine_wait(self, board: JobBoard, question: MakeRequest) -> None:
        """They take no room: where no worker has their models, nobody else's are shut out."""
        most = question().model_copy(update={"engine": "f" * 64})
        board.submit(most, SAMPLES)
        for engine, has_room in ((ENGINE, True), (most.engine, False)):
            with nullcontext() if has_room else pytest.raises(QueueFullError):
                board.check_room(JobKind.PREDICT, engine, 1000, 1000, Asked())

    def test_when_the_quota_is_used(self, board: JobBoard, question: MakeRequest) -> None:
        """The refusal says how much is left."""
        by = asked("ann", samples_per_day=250)
        board.submit(question(), SAMPLES, by)
        with pytest.raises(AllowanceError, match="150 are left"):
            board.check_room(JobKind.PREDICT, ENGINE, 2, 200, by)


class TestDeliveries:
    def test_when_a_job_with_a_webhook_ends(self, board: JobBoard, question: MakeRequest) -> None:
        """Its owner is to be told, by one process at a time, until it is noted that it was."""
        job = board.submit(question(), SAMPLES, asked("ann", webhook=URL))
        assert board.take_deliveries(0.05) == []
        answer(board, job)
        assert board.take_deliveries(0.05) == [job.id]
        assert board.take_deliveries(0.05) == []
        time.sleep(0.06)
        assert board.take_deliveries(60) == [job.id]
        found = delivery_of(board, job.id)
        assert (found.webhook, found.attempts, found.owner) == (URL, 0, "ann")
        assert isinstance(found.about, JobRecord)
        assert found.about.status is JobStatus.SUCCEEDED
        board.note_delivery(job.id, "failed", 0)
        assert board.take_deliveries(60) == [job.id]
        assert delivery_of(board, job.id).attempts == 1
        board.note_delivery(job.id, "delivered", None)
        assert board.figures().deliveries == 0
        assert board.figures().counters["deliveries:delivered"] == 1

    def test_when_a_batch_with_a_webhook_ends(self, board: JobBoard, question: MakeRequest) -> None:
        """Its owner is told once of all of it."""
        job = board.submit(question(), SAMPLES, ANN)
        batch = batch_of(board, job, by=asked("ann", webhook=URL))
        assert board.take_deliveries(60) == []
        answer(board, job)
        assert board.take_deliveries(60) == [BATCH + batch.id]
        found = delivery_of(board, BATCH + batch.id)
        assert (found.webhook, found.attempts) == (URL, 0)
        assert isinstance(found.about, BatchRecord)
        board.note_delivery(found.name, "failed", 0)
        assert delivery_of(board, found.name).attempts == 1

    def test_when_it_is_asked_again_with_a_webhook(self, board: JobBoard, question: MakeRequest) -> None:
        """Whoever asks with one is told, also where the answer is there already or nobody was to be told before."""
        request = question()
        job = board.submit(request, SAMPLES, ANN)
        assert board.submit(request, SAMPLES, asked("ann", webhook=URL)).id == job.id
        answer(board, job)
        assert board.take_deliveries(60) == [job.id]
        board.note_delivery(job.id, "delivered", None)
        board.submit(request, SAMPLES, ANN)
        assert board.take_deliveries(60) == []
        board.submit(request, SAMPLES, asked("ann", webhook=URL))
        assert board.take_deliveries(60) == [job.id]

    def test_when_it_is_forgotten_meanwhile(self, board: JobBoard, question: MakeRequest) -> None:
        """Nobody is told, and nothing is kept of it."""
        job = board.submit(question(), SAMPLES, asked("ann", webhook=URL))
        answer(board, job)
        board.erase(job.id, "ann")
        assert board.delivery(job.id) is None
        board.note_delivery(job.id, "failed", 5)
        assert board.figures().deliveries == 0
        assert board.delivery(job.id) is None

    def test_when_it_is_postponed(self, board: JobBoard, question: MakeRequest) -> None:
        """It is due later, and was not tried."""
        job = board.submit(question(), SAMPLES, asked("ann", webhook=URL))
        answer(board, job)
        board.postpone_delivery(job.id, 60)
        assert board.take_deliveries(60) == []
        assert delivery_of(board, job.id).attempts == 0

    def test_when_an_address_wants_no_more(self, board: JobBoard) -> None:
        """That is remembered of this owner's."""
        board.note_gone("ann", URL, 60)
        assert board.is_gone("ann", URL)
        assert not board.is_gone("bob", URL)
        assert not board.is_gone("ann", URL + "b")
