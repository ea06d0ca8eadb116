"""What owners hold, what they are charged, and that nobody learns of another, on a real queue server."""

import errno
import os
import time

import pytest
import redis

from adapters.contract.jobs import JobRecord, JobRequest, JobStatus
from adapters.queue.asking import Admission, Asked
from adapters.queue.board import JobBoard
from adapters.queue.rq_queue import queues
from adapters.settings import Settings
from robustify.errors import AllowanceError, QueueFullError, ReusedKeyError, StoreUnavailableError
from tests.answers import answer_of
from tests.owners import ANN, BOB, SAMPLES, SHARD, answer, asked, board, listed, question
from tests.queue_fixtures import MakeRequest

__all__ = ["board", "question"]


def admit(board: JobBoard, request: JobRequest, by: Asked) -> Admission:
    admission = board.admit(request, SAMPLES, by)
    board.commit(admission)
    return admission


def submit(board: JobBoard, request: JobRequest, by: Asked) -> JobRecord:
    return admit(board, request, by).record


def held(board: JobBoard, job: JobRecord) -> JobRecord:
    found = board.held(job.id, job.owner)
    assert found is not None
    return found


def charged(board: JobBoard, owner: str) -> int:
    return board.usage(owner, 1).days[0].samples


class TestSharing:
    def test_when_two_ask_the_same(self, board: JobBoard, question: MakeRequest) -> None:
        """One job is worked on; each has a ticket of its own, made when it asked, and sees no other's."""
        request = question()
        first = submit(board, request, ANN)
        time.sleep(0.01)
        second = submit(board, request, BOB)
        assert first.job == second.job
        assert first.id != second.id
        assert second.created_at > first.created_at
        assert board.held(first.id, "bob") is None
        assert board.held(second.id, "ann") is None
        answer(board, first)
        assert [held(board, job).status for job in (first, second)] == [JobStatus.SUCCEEDED] * 2

    def test_when_one_cancels(self, board: JobBoard, question: MakeRequest) -> None:
        """The other's goes on; the job ends when the last one cancels."""
        request = question()
        first, second = submit(board, request, ANN), submit(board, request, BOB)
        canceled = board.let_go(first.id, "ann")
        assert canceled is not None
        assert (canceled.status, held(board, second).status) == (JobStatus.CANCELED, JobStatus.QUEUED)
        assert board.is_live(second.job)
        board.let_go(second.id, "bob")
        assert not board.is_live(second.job)

    def test_when_the_canceled_one_asks_again(self, board: JobBoard, question: MakeRequest) -> None:
        """It joins what is still under way, under a new id."""
        request = question()
        first, _ = submit(board, request, ANN), submit(board, request, BOB)
        board.let_go(first.id, "ann")
        again = submit(board, request, ANN)
        assert again.id != first.id
        assert (again.job, again.status) == (first.job, JobStatus.QUEUED)

    def test_when_another_has_the_answer(self, board: JobBoard, question: MakeRequest) -> None:
        """It is computed again: an answer at once, of an earlier time, would tell that somebody had asked."""
        request = question()
        first = submit(board, request, ANN)
        answer(board, first)
        second = submit(board, request, BOB)
        assert (second.job != first.job, second.status) == (True, JobStatus.QUEUED)
        assert submit(board, request, ANN).id == first.id

    def test_when_the_work_has_begun(self, board: JobBoard, question: MakeRequest) -> None:
        """To the second it began when it asked, not before."""
        request = question()
        first = submit(board, request, ANN)
        assert board.lease(first.job, SHARD, "worker")
        time.sleep(0.01)
        second = held(board, submit(board, request, BOB))
        assert second.started_at == second.created_at

    def test_when_another_knows_the_id(self, board: JobBoard, question: MakeRequest) -> None:
        """It can neither read, cancel, nor erase it."""
        job = submit(board, question(), ANN)
        assert board.held(job.id, "") is None
        assert board.let_go(job.id, "bob") is None
        assert not board.erase(job.id, "bob")
        assert held(board, job).status is JobStatus.QUEUED

    def test_when_the_image_was_not_stored_yet(self, board: JobBoard, question: MakeRequest) -> None:
        """Nobody works on a job whose image may be missing; whoever stores it first lets it begin."""
        request = question()
        first = board.admit(request, SAMPLES, ANN)
        assert first.needs_image
        assert pop(board, first.record) is None
        second = board.admit(request, SAMPLES, BOB)
        assert second.needs_image
        board.commit(second)
        assert pop(board, first.record) is not None
        assert not board.admit(request, SAMPLES, ANN).needs_image


def pop(board: JobBoard, job: JobRecord) -> str | None:
    """What a worker would get next."""
    connection = board._call._connection
    lists = queues(connection, job.request.engine)
    popped = lists[0].lpop([queue.key for queue in lists], None, connection)
    return popped[1].partition("-")[0] if popped else None


class TestFairness:
    def test_when_one_owner_has_many_waiting(self, board: JobBoard, question: MakeRequest) -> None:
        """Owners take turns: a second one's job comes after one of the first's, not after all."""
        anns = [submit(board, question(), ANN) for _ in range(4)]
        bobs = [submit(board, question(), BOB) for _ in range(2)]
        order = [anns[0], bobs[0], anns[1], bobs[1], anns[2], anns[3]]
        assert [pop(board, anns[0]) for _ in range(6)] == [job.job for job in order]

    def test_when_waiting_jobs_are_canceled(
        self, board: JobBoard, connection: redis.Redis, question: MakeRequest
    ) -> None:
        """Nothing of them stays in line."""
        for _ in range(5):
            job = submit(board, question(), ANN)
            board.let_go(job.id, "ann")
        assert [key for key in connection.scan_iter("robustify:line:*")] == []
        assert [key for key in connection.scan_iter("robustify:turns:*")] == []

    def test_when_certificates_fill_their_line(
        self, board: JobBoard, queue_settings: Settings, connection: redis.Redis, question: MakeRequest,
        make_request: MakeRequest,
    ) -> None:  # fmt: skip
        """Predictions are admitted all the same."""
        board = JobBoard(connection, queue_settings.model_copy(update={"max_queued_jobs": 2}))
        for n in (1000, 2000):
            submit(board, make_request(n=n), ANN)
        with pytest.raises(QueueFullError):
            submit(board, make_request(n=3000), BOB)
        assert submit(board, question(), ANN).status is JobStatus.QUEUED

    def test_when_an_owner_fills_its_share(self, board: JobBoard, question: MakeRequest) -> None:
        """It is refused, and told to wait; another is not."""
        few = asked("ann", queued_jobs=2)
        for _ in range(2):
            submit(board, question(), few)
        with pytest.raises(AllowanceError) as refused:
            submit(board, question(), few)
        assert refused.value.retry_seconds > 0
        assert submit(board, question(), BOB).status is JobStatus.QUEUED


class TestQuota:
    def test_when_a_job_ends_early(self, connection: redis.Redis, board: JobBoard, question: MakeRequest) -> None:
        """What was planned is reserved, and what was not used is given back."""
        job = submit(board, question(), ANN)
        assert charged(board, "ann") == SAMPLES
        board.let_go(job.id, "ann")
        assert charged(board, "ann") == 0

    def test_when_it_is_used_up(self, board: JobBoard, question: MakeRequest) -> None:
        """The next is refused until the next day, leaves nothing behind, and costs nothing."""
        little = asked("ann", samples_per_day=250)
        jobs = [submit(board, question(), little) for _ in range(2)]
        with pytest.raises(AllowanceError, match="50 samples are left") as refused:
            submit(board, question(), little)
        assert 0 < refused.value.retry_seconds <= 86400
        assert (charged(board, "ann"), len(listed(board, "ann"))) == (200, 2)
        answer(board, jobs[0])
        assert charged(board, "ann") == 200
        board.let_go(jobs[1].id, "ann")
        assert submit(board, question(), little).status is JobStatus.QUEUED

    def test_when_two_share_the_work(self, board: JobBoard, question: MakeRequest) -> None:
        """Each is charged as if it were alone: a lower price would tell of the other."""
        request = question()
        job = submit(board, request, ANN)
        submit(board, request, BOB)
        answer(board, job)
        assert (charged(board, "ann"), charged(board, "bob")) == (SAMPLES, SAMPLES)

    def test_when_the_same_is_asked_again(self, board: JobBoard, question: MakeRequest) -> None:
        """An answer that is there costs nothing."""
        request = question()
        answer(board, submit(board, request, ANN))
        submit(board, request, ANN)
        assert charged(board, "ann") == SAMPLES

    def test_when_the_service_fails(self, board: JobBoard, question: MakeRequest) -> None:
        """All is given back."""
        from workers.problems import INTERNAL_ERROR

        job = submit(board, question(), ANN)
        assert board.lease(job.job, SHARD, "worker")
        board.fail(job.job, INTERNAL_ERROR)
        assert charged(board, "ann") == 0

    def test_when_stored_bytes_are_used_up(self, board: JobBoard, question: MakeRequest) -> None:
        """Another image is refused, one that is there is not; deleting makes room."""
        room_for_two = asked("ann", stored_bytes=2 * 3 * 32 * 32 * 4)
        first, second = (submit(board, question(), room_for_two) for _ in range(2))
        with pytest.raises(AllowanceError):
            submit(board, question(), room_for_two)
        same_image = second.vote_request.model_copy(update={"alpha": 0.01})
        assert submit(board, same_image, room_for_two).status is JobStatus.QUEUED
        assert board.erase_image(first.vote_request.image.sha256, "ann") == (True, True)
        assert submit(board, question(), room_for_two).status is JobStatus.QUEUED


class TestIdempotency:
    def test_when_a_key_comes_again(self, board: JobBoard, question: MakeRequest) -> None:
        """The same job, whatever became of it, and nothing is charged."""
        request, by = question(), asked("ann", "key")
        first = submit(board, request, by)
        board.let_go(first.id, "ann")
        again = admit(board, request, by)
        assert (again.record.id, again.is_replayed, again.record.status) == (first.id, True, JobStatus.CANCELED)
        assert charged(board, "ann") == 0

    def test_when_it_comes_with_another_request(self, board: JobBoard, question: MakeRequest) -> None:
        """It is refused."""
        submit(board, question(), asked("ann", "key"))
        with pytest.raises(ReusedKeyError):
            submit(board, question(), asked("ann", "key"))

    def test_when_another_owner_has_the_same_key(self, board: JobBoard, question: MakeRequest) -> None:
        """It means nothing to the other's."""
        one, two = submit(board, question(), asked("ann", "key")), submit(board, question(), asked("bob", "key"))
        assert one.id != two.id


class TestForgetting:
    def test_when_a_job_is_erased(self, board: JobBoard, connection: redis.Redis, question: MakeRequest) -> None:
        """Nothing of it can be read any more, on disk or on the server; the ledger's sums stay."""
        request = question()
        job = submit(board, request, ANN)
        answer(board, job)
        assert board.erase(job.id, "ann")
        assert board.held(job.id, "ann") is None
        assert [key for key in connection.scan_iter(f"*{job.id}*")] == []
        assert submit(board, request, ANN).status is JobStatus.QUEUED
        assert board.ledger("ann").predictions.issued == 1

    def test_when_a_shared_job_is_erased(self, board: JobBoard, question: MakeRequest) -> None:
        """The other owner has it still."""
        request = question()
        first, second = submit(board, request, ANN), submit(board, request, BOB)
        board.erase(first.id, "ann")
        assert board.held(first.id, "ann") is None
        assert held(board, second).status is JobStatus.QUEUED
        answer(board, second)
        assert held(board, second).status is JobStatus.SUCCEEDED

    def test_when_an_image_is_erased(self, board: JobBoard, question: MakeRequest) -> None:
        """All jobs of its owner about it are gone; it is nobody's only when no other owner has asked about it."""
        request = question()
        image = request.image.sha256
        first, second = submit(board, request, ANN), submit(board, request, BOB)
        assert board.erase_image(image, "carl") == (False, False)
        assert board.erase_image(image, "ann") == (True, False)
        assert board.held(first.id, "ann") is None
        assert held(board, second).status is JobStatus.QUEUED
        assert board.erase_image(image, "bob") == (True, True)
        assert board.drop_image(image)

    def test_when_the_time_of_an_image_is_over(
        self, connection: redis.Redis, queue_settings: Settings, question: MakeRequest
    ) -> None:
        """It is given up only then, and not while anything about it can be read or run."""
        board = JobBoard(connection, queue_settings.model_copy(update={"retention_seconds": 1, "queue_seconds": 1}))
        job = submit(board, question(), ANN)
        image = job.vote_request.image.sha256
        answer(board, job)
        assert (board.old_images(), board.drop_image(image)) == ([], False)
        connection.zadd("robustify:images", {image: 1.0})
        assert board.old_images() == [image]
        assert board.drop_image(image)
        assert board.old_images() == []


class TestPublishing:
    def test_when_the_worker_dies_before_it(self, board: JobBoard, question: MakeRequest) -> None:
        """The result is settled and read by nobody; another worker is told of it, and publishes it."""
        job = submit(board, question(), ANN)
        assert board.lease(job.job, SHARD, "worker")
        board.record_votes(job.job, SHARD, job.vote_request.fingerprint, [SAMPLES, 0])
        result = answer_of(board, job.job)
        made_of = {"samples": result.deciding_samples, "votes": result.phase_counts, "index": result.index}
        board._call("settle", job=job.job, seconds=0.0, result=result.model_dump_json(), is_stored=False, **made_of)
        assert (held(board, job).status, held(board, job).result) == (JobStatus.RUNNING, None)
        assert board.reconcile(job.request.engine, pause=0.001) == [job.job]
        assert board.publish(job.job)
        assert held(board, job).status is JobStatus.SUCCEEDED

    def test_when_the_queue_server_forgets(
        self, board: JobBoard, connection: redis.Redis, question: MakeRequest
    ) -> None:
        """What was answered is on disk, for each who was answered, and for nobody else."""
        request = question()
        job = submit(board, request, ANN)
        submit(board, request, BOB)
        answer(board, job)
        connection.flushall()
        assert [submit(board, request, by).status for by in (ANN, BOB, asked("carl"))] == [
            JobStatus.SUCCEEDED,
            JobStatus.SUCCEEDED,
            JobStatus.QUEUED,
        ]

    @pytest.mark.parametrize("left", ["", '{"outcome": "pre', "no JSON"])
    def test_when_a_power_cut_took_it(
        self, board: JobBoard, connection: redis.Redis, queue_settings: Settings, question: MakeRequest, left: str
    ) -> None:
        """What is left of an outcome is no answer: the question is answered anew, and that is stored in its place."""
        request = question()
        answer(board, submit(board, request, ANN))
        (stored,) = queue_settings.state.outcomes.rglob("*.json")
        stored.write_text(left)
        connection.flushall()
        again = submit(board, request, ANN)
        assert again.status is JobStatus.QUEUED
        answer(board, again)
        connection.flushall()
        assert submit(board, request, ANN).status is JobStatus.SUCCEEDED

    def test_when_the_store_takes_nothing(
        self, board: JobBoard, queue_settings: Settings, question: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody reads the result; it stays due, and is published once it can be stored."""
        job = submit(board, question(), ANN)
        assert board.lease(job.job, SHARD, "worker")
        board.record_votes(job.job, SHARD, job.vote_request.fingerprint, [SAMPLES, 0])

        def refuse(*arguments: object) -> None:
            raise OSError(errno.ENOSPC, "no space left")

        with monkeypatch.context() as patch:
            patch.setattr(os, "link", refuse)
            with pytest.raises(StoreUnavailableError, match="not given: no space"):
                board.finish(job.job, answer_of(board, job.job))
            assert (held(board, job).status, held(board, job).result) == (JobStatus.RUNNING, None)
        assert board.publish(job.job)
        assert held(board, job).status is JobStatus.SUCCEEDED
        assert board.ledger("ann").predictions.issued == 1
        assert board._ledger.sums() == {"": {"predict:0.001": 1}, "ann": {"predict:0.001": 1}}

    def test_when_the_queue_server_forgot_an_answer_meanwhile(
        self, board: JobBoard, connection: redis.Redis, question: MakeRequest
    ) -> None:
        """The one that was given is given again, to whoever asked before it was known."""
        request = question()
        again = submit(board, request, ANN)
        first = answer_of(board, again.job, seconds=12.5).model_dump_json()
        board._outcomes.keep("ann", request.image.sha256, request.question.digest, first)
        answer(board, again)
        found = held(board, again).result
        assert found is not None
        assert found.seconds == 12.5

    def test_ledger_when_the_queue_server_forgets(
        self, board: JobBoard, connection: redis.Redis, question: MakeRequest
    ) -> None:
        """It is told what is stored before anybody reads it, and what both have counted is not counted twice."""
        for by in (ANN, BOB):
            answer(board, submit(board, question(), by))
        before = board.ledger(), board.ledger("ann")
        connection.flushall()
        assert (board.ledger(), board.ledger("ann")) == before
        board.agree_on_ledger()
        assert (board.ledger(), board.ledger("ann")) == before
        answer(board, submit(board, question(), ANN))
        assert (board.ledger().predictions.issued, board.ledger("ann").predictions.issued) == (3, 2)

    def test_ledger_when_an_earlier_release_has_counted(
        self, board: JobBoard, connection: redis.Redis, question: MakeRequest
    ) -> None:
        """What only the queue server knows is stored too."""
        connection.hset("robustify:ledger", "certify:0.001", 5)
        connection.hset("robustify:ledger:carl", "certify:0.001", 5)
        answer(board, submit(board, question(), ANN))
        board.agree_on_ledger()
        connection.flushall()
        assert (board.ledger().certificates.issued, board.ledger("carl").certificates.issued) == (5, 5)
        assert board.ledger().predictions.issued == 1


class TestClock:
    @pytest.fixture
    def job(self, board: JobBoard, question: MakeRequest) -> JobRecord:
        job = submit(board, question(), ANN)
        assert board.lease(job.job, SHARD, "worker")
        return job

    def test_when_it_jumps_forward(self, board: JobBoard, connection: redis.Redis, job: JobRecord) -> None:
        """Two hours at once expire nothing: nobody could have worked in them."""
        move_clock(connection, 7200)
        assert board.is_live(job.job)

    def test_when_it_jumps_back(self, board: JobBoard, connection: redis.Redis, job: JobRecord) -> None:
        """A day back, the lease of a worker that died is over as soon as it would have been."""
        move_clock(connection, -86400)
        board.is_live(job.job)
        short = board._settings.model_copy(update={"lease_seconds": 0.05})
        other = JobBoard(connection, short)
        assert other.lease(job.job, SHARD, "worker")
        time.sleep(0.06)
        other.reconcile(job.request.engine, pause=0.001)
        assert other.lease(job.job, SHARD, "another")


def move_clock(connection: redis.Redis, seconds: float) -> None:
    """As if the server's clock had been moved since the last command."""
    last = float(connection.hget("robustify:clock", "wall") or 0)
    connection.hset("robustify:clock", "wall", f"{last - seconds:.6f}")
