"""The job board on a real queue server: one job a request, one count a shard, one outcome a configuration."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from adapters.contract.answer import label_votes
from adapters.contract.jobs import JobError, JobRecord, JobRequest, JobStatus, Shard, WorkerRecord
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.keys import queue_name
from adapters.queue.rq_queue import queues
from adapters.settings import Settings
from robustify.errors import QueueFullError, QueueUnavailableError
from robustify.smoothing.rules import Outcome
from robustify.types import Phase
from tests.answers import answer_of, phase_votes, samples_of, shown, standing_of
from tests.queue_fixtures import waiting_shards

MakeRequest = Callable[..., JobRequest]
BoardWith = Callable[..., JobBoard]
SHARD_SAMPLES = 500
PROBLEM = JobError(type="test", title="Test", detail="It failed.")
ENGINE = engine_digest(find_profile("oracle-linear"), Settings(profile="oracle-linear", threads=1))
CERTIFY = f"rq:queue:{queue_name(JobKind.CERTIFY, ENGINE)}"


@pytest.fixture
def server(connection: redis.Redis) -> redis.Redis:
    return connection


@pytest.fixture
def board_with(connection: redis.Redis, queue_settings: Settings) -> BoardWith:
    """Makes a board with changed settings."""
    return lambda **changes: JobBoard(connection, queue_settings.model_copy(update=changes))


@pytest.fixture
def board(board_with: BoardWith) -> JobBoard:
    return board_with()


def submit(board: JobBoard, request: JobRequest) -> JobRecord:
    return board.submit(request, SHARD_SAMPLES)


def shards_of(phase: Phase, samples: int) -> list[Shard]:
    """What the board must have planned."""
    starts = range(0, samples, SHARD_SAMPLES)
    return [Shard(phase=phase, first=first, count=min(SHARD_SAMPLES, samples - first)) for first in starts]


def record_all(board: JobBoard, job: JobRecord, phase: Phase, index: int = 0) -> None:
    """Every shard of a phase votes for one class."""
    samples = samples_of(job.vote_request, phase)
    for shard in shards_of(phase, samples):
        votes = [0, 0]
        votes[index] = shard.count
        assert board.record_votes(job.id, shard, job.vote_request.fingerprint, votes).counted


def status_of(board: JobBoard, job: JobRecord) -> JobStatus:
    current = board.get(job.id)
    assert current is not None
    return current.status


def succeed(board: JobBoard, job: JobRecord, **result: object) -> None:
    """Ends it with all votes for the first class."""
    for phase in (planned.phase for planned in job.vote_request.phases):
        record_all(board, job, phase)
        if phase is Phase.SELECT:
            board.select(job.id, 0, 100)
    assert board.finish(job.id, answer_of(board, job.id, None, **result))


def select_shard(count: int = 100) -> Shard:
    return Shard(phase=Phase.SELECT, first=0, count=count)


def pop(server: redis.Redis) -> str | None:
    """What a worker would get next: the id of an RQ job."""
    first, *_ = queues(server, ENGINE)
    popped = first.lpop([queue.key for queue in queues(server, ENGINE)], None, server)
    return popped[1] if popped else None


class TestSubmission:
    def test_a_new_request(self, board: JobBoard, make_request: MakeRequest) -> None:
        """Its job waits, and its shards come to the queue when it is its turn; its id cannot be guessed."""
        job = submit(board, make_request(n0=1200))
        assert (job.status, job.samples_done, job.samples_total) == (JobStatus.QUEUED, 0, 2200)
        assert board.queue_depths() == {"predict": 0, "preview": 0, "adapt": 0, "certify": 1}
        assert len(job.id) == 26
        assert board.get(job.id) == job

    def test_the_same_request_in_parallel(self, board_with: BoardWith, make_request: MakeRequest) -> None:
        """All get one job."""
        request = make_request()
        boards = [board_with() for _ in range(8)]
        with ThreadPoolExecutor(8) as threads:
            jobs = list(threads.map(lambda board: submit(board, request), boards * 4))
        assert len({job.id for job in jobs}) == 1
        assert boards[0].queue_depths() == {"predict": 0, "preview": 0, "adapt": 0, "certify": 1}

    def test_too_many_wait(self, board_with: BoardWith, make_request: MakeRequest) -> None:
        """One more is refused; one that is there already is not."""
        board = board_with(max_queued_jobs=2)
        jobs = [submit(board, make_request(n=n)) for n in (1000, 2000)]
        with pytest.raises(QueueFullError):
            submit(board, make_request(n=3000))
        assert submit(board, jobs[0].vote_request) == jobs[0]

    def test_a_running_job_does_not_wait(self, board_with: BoardWith, make_request: MakeRequest) -> None:
        """Jobs that have begun leave room for others."""
        board = board_with(max_queued_jobs=1)
        job = submit(board, make_request(n=1000))
        assert board.lease(job.id, select_shard(), "worker")
        assert submit(board, make_request(n=2000)).status is JobStatus.QUEUED

    def test_a_phase_without_samples(self, board: JobBoard, make_request: MakeRequest) -> None:
        """It is refused, because such a job could never end."""
        with pytest.raises(ValueError, match="at least one"):
            submit(board, make_request(n0=0))

    @pytest.mark.slow
    def test_the_server_is_away(self, queue_settings: Settings, make_request: MakeRequest) -> None:
        """QueueUnavailableError, for a command and for a ping."""
        board = JobBoard(connect("unix:///nowhere/queue.sock"), queue_settings)
        with pytest.raises(QueueUnavailableError):
            board.ping()
        with pytest.raises(QueueUnavailableError):
            submit(board, make_request())

    def test_an_unknown_id(self, board: JobBoard) -> None:
        """None, whatever is asked about it."""
        assert board.get("nothing") is None
        assert board.cancel("nothing") is None
        assert not board.is_live("nothing")


class TestOutcomes:
    def test_the_same_request_after_it_succeeded(self, board: JobBoard, make_request: MakeRequest) -> None:
        """The old job with its result."""
        job = submit(board, make_request(kind=JobKind.PREDICT, n=100))
        succeed(board, job)
        again = submit(board, job.vote_request)
        assert (again.id, again.status, shown(again)["outcome"]) == (job.id, JobStatus.SUCCEEDED, "abstained")

    def test_after_the_record_is_forgotten(
        self, board: JobBoard, server: redis.Redis, make_request: MakeRequest
    ) -> None:
        """A new job that has succeeded already, with the stored outcome, and no work."""
        job = submit(board, make_request(kind=JobKind.PREDICT, n=100))
        succeed(board, job)
        server.delete(f"robustify:job:{job.id}")
        again = submit(board, job.vote_request)
        assert (again.id != job.id, again.status) == (True, JobStatus.SUCCEEDED)
        assert shown(again)["outcome"] == "abstained"
        assert again.samples_done == again.samples_total
        assert board.queue_depths()["predict"] == 0

    def test_another_file_with_the_same_tensor(self, board: JobBoard, make_request: MakeRequest) -> None:
        """The same radius for the tensor, but the digest and the radius of its own pixels."""
        request = make_request(n=100)
        radii = {"outcome": Outcome.CERTIFIED, "radius": 0.5, "radius_source_pixels": 0.5}
        succeed(board, submit(board, request), **radii)
        image = request.image.model_copy(update={"source_sha256": "1" * 64, "source_norm": 2.0})
        result = shown(submit(board, request.model_copy(update={"image": image})))
        assert result["radius"] == 0.5
        assert result["input"]["source_sha256"] == "1" * 64
        assert result["radius_source_pixels"] == pytest.approx(0.25, rel=1e-8)
        assert result["radius_source_pixels"] < 0.25

    def test_two_jobs_of_one_configuration(self, board: JobBoard, make_request: MakeRequest) -> None:
        """The outcome of the first to end is also the second's."""
        request = make_request(kind=JobKind.PREDICT, n=100)
        other = request.model_copy(update={"image": request.image.model_copy(update={"source_sha256": "1" * 64})})
        first, second = submit(board, request), submit(board, other)
        assert first.id != second.id
        succeed(board, first, label="left")
        succeed(board, second, label="right")
        assert shown(board.get(second.id))["label"] == "left"

    def test_after_it_failed(self, board: JobBoard, make_request: MakeRequest) -> None:
        """A new job: a failure is no outcome."""
        job = submit(board, make_request())
        assert board.fail(job.id, PROBLEM)
        assert submit(board, job.vote_request).id != job.id


class TestVotes:
    def test_a_shard_delivered_three_times_at_once(self, board_with: BoardWith, make_request: MakeRequest) -> None:
        """It counts once, and only one delivery is told that it completed the phase."""
        boards = [board_with() for _ in range(3)]
        job = submit(boards[0], make_request(kind=JobKind.PREDICT, n=500))
        shard = Shard(phase=Phase.PREDICT, first=0, count=500)
        with ThreadPoolExecutor(3) as threads:
            receipts = list(
                threads.map(
                    lambda board: board.record_votes(job.id, shard, job.vote_request.fingerprint, [300, 200]), boards
                )
            )
        assert sorted(receipt.counted for receipt in receipts) == [False, False, True]
        assert sum(receipt.is_due for receipt in receipts) == 1
        assert [receipt.refusal for receipt in receipts if not receipt.counted] == ["duplicate"] * 2
        assert phase_votes(boards[0], job.id, Phase.PREDICT) == [300, 200]

    @pytest.mark.parametrize(
        ("shard", "fingerprint", "votes", "refusal"),
        [
            (select_shard(), "another", [60, 40], "other-fingerprint"),
            (select_shard(99), None, [60, 39], "not-planned"),
            (Shard(phase=Phase.SELECT, first=100, count=100), None, [60, 40], "not-planned"),
            (Shard(phase=Phase.SELECT, first=-500, count=500), None, [60, 40], "not-planned"),
            (Shard(phase=Phase.ESTIMATE, first=0, count=500), None, [60, 40], "other-phase"),
            (select_shard(), None, [60, 41], "impossible-votes"),
            (select_shard(), None, [101, -1], "impossible-votes"),
            (select_shard(), None, [60, 20, 20], "impossible-votes"),
        ],
    )
    def test_votes_that_do_not_fit(
        self,
        board: JobBoard,
        make_request: MakeRequest,
        shard: Shard,
        fingerprint: str | None,
        votes: list[int],
        refusal: str,
    ) -> None:
        """They are refused and leave no trace."""
        job = submit(board, make_request())
        receipt = board.record_votes(job.id, shard, fingerprint or job.vote_request.fingerprint, votes)
        assert (receipt.counted, receipt.is_due, receipt.refusal) == (False, False, refusal)
        assert phase_votes(board, job.id, Phase.SELECT) == [0, 0]
        assert board.get(job.id) == job

    def test_missing_votes(self, board: JobBoard, make_request: MakeRequest) -> None:
        """Fewer votes than samples are counted as they are: the samples were done."""
        job = submit(board, make_request())
        assert board.record_votes(job.id, select_shard(), job.vote_request.fingerprint, [10, 20]).is_due
        record = board.get(job.id)
        assert record is not None
        assert (record.samples_done, phase_votes(board, job.id, Phase.SELECT)) == (100, [10, 20])

    def test_a_canceled_job(self, board: JobBoard, make_request: MakeRequest) -> None:
        """Its votes are refused."""
        job = submit(board, make_request())
        board.cancel(job.id)
        assert board.record_votes(job.id, select_shard(), job.vote_request.fingerprint, [60, 40]).refusal == "not-live"


class TestSteps:
    def test_the_class_is_chosen_once(self, board: JobBoard, server: redis.Redis, make_request: MakeRequest) -> None:
        """Only from complete selection votes; the first choice stands, and its estimation shards are queued once."""
        job = submit(board, make_request(n0=600, n=1200))
        assert board.select(job.id, 1, 600) is None
        record_all(board, job, Phase.SELECT)
        assert board.select(job.id, 1, 500) is None
        assert standing_of(board, job.id).selected is None
        assert (board.select(job.id, 1, 600), board.select(job.id, 0, 600)) == (1, 1)
        assert standing_of(board, job.id).selected == 1
        assert waiting_shards(server, JobKind.CERTIFY, ENGINE) == 3

    def test_another_job_waits(self, board: JobBoard, server: redis.Redis, make_request: MakeRequest) -> None:
        """The estimation shards of a job that has begun come before it, in order."""
        job = submit(board, make_request(n=1200))
        other = submit(board, make_request(n=1300))
        assert pop(server) == f"{job.id}-select-0"
        record_all(board, job, Phase.SELECT)
        board.select(job.id, 0, 100)
        names = [f"{job.id}-estimate-{first}" for first in (0, 500, 1000)]
        assert [pop(server) for _ in range(4)] == [*names, f"{other.id}-select-0"]

    def test_no_result_without_all_votes(self, board: JobBoard, make_request: MakeRequest) -> None:
        """A job ends with a result only when all votes of its last phase are in, and once."""
        job = submit(board, make_request())
        record_all(board, job, Phase.SELECT)
        assert not board.finish(job.id, answer_of(board, job.id, radius=9.0))
        board.select(job.id, 0, 100)
        assert not board.finish(job.id, answer_of(board, job.id, radius=9.0))
        record_all(board, job, Phase.ESTIMATE)
        assert board.finish(job.id, answer_of(board, job.id, radius=0.25))
        assert not board.finish(job.id, answer_of(board, job.id, radius=9.0))
        record = board.get(job.id)
        assert record is not None
        assert (record.status, shown(record)["radius"]) == (JobStatus.SUCCEEDED, 0.25)
        assert record.samples_done == record.samples_total
        assert record.started_at is not None
        assert record.ended_at is not None

    @pytest.mark.parametrize(
        "change",
        [
            {"votes": [999, 1]},
            {"votes": [500, 0]},
            {"selection_votes": [99, 1]},
            {"selection_votes": [0, 100]},
            {"index": 1},
        ],
    )
    def test_a_result_of_other_votes(
        self, board: JobBoard, make_request: MakeRequest, change: dict[str, list[int] | int]
    ) -> None:
        """A result that was made of other votes than those that are recorded, or of another class, ends no job."""
        job = submit(board, make_request())
        record_all(board, job, Phase.SELECT)
        board.select(job.id, 0, 100)
        record_all(board, job, Phase.ESTIMATE)
        changed = {
            name: label_votes(job.vote_request, value) if isinstance(value, list) else value
            for name, value in change.items()
        }
        assert not board.finish(job.id, answer_of(board, job.id, None, **changed))
        assert status_of(board, job) is JobStatus.RUNNING
        assert board.finish(job.id, answer_of(board, job.id, index=0))

    def test_a_result_of_stale_votes(self, board: JobBoard, make_request: MakeRequest) -> None:
        """Who read all votes but the last shard's, and is late, cannot end the job with them once they are all in."""
        job = submit(board, make_request())
        record_all(board, job, Phase.SELECT)
        board.select(job.id, 0, 100)
        first, last = shards_of(Phase.ESTIMATE, 1000)
        assert board.record_votes(job.id, first, job.vote_request.fingerprint, [500, 0]).counted
        stale = answer_of(board, job.id)
        assert board.record_votes(job.id, last, job.vote_request.fingerprint, [500, 0]).counted
        assert not board.finish(job.id, stale)
        assert board.finish(job.id, answer_of(board, job.id))

    def test_a_job_that_ends(self, board: JobBoard, server: redis.Redis, make_request: MakeRequest) -> None:
        """What is left of it expires, except for sums and what is kept with times of its own; nothing stays with RQ."""
        job = submit(board, make_request())
        assert pop(server) is not None
        record_all(board, job, Phase.SELECT)
        board.select(job.id, 0, 100)
        record_all(board, job, Phase.ESTIMATE)
        board.finish(job.id, answer_of(board, job.id))
        assert pop(server) is None
        lasting = {key.decode() for key in server.scan_iter("*") if server.ttl(key) == -1}
        image = job.vote_request.image.sha256
        timed = {"images", "images-of:", f"owners-of:{image}", f"tickets-about::{image}"}
        kept = {f"robustify:{name}" for name in ("ledger", "counters", "clock", *timed)}
        assert lasting == {*kept, "rq:queues"}
        assert pop(server) is None
        assert server.llen(CERTIFY) == 0

    def test_cancel_then_fail(self, board: JobBoard, make_request: MakeRequest) -> None:
        """A job ends once: what comes first stands."""
        job = submit(board, make_request())
        canceled = board.cancel(job.id)
        assert canceled is not None
        assert canceled.status is JobStatus.CANCELED
        assert not board.fail(job.id, PROBLEM)
        assert board.cancel(job.id) == canceled
        assert not board.is_live(job.id)

    def test_cancel_what_two_asked_for(self, board: JobBoard, make_request: MakeRequest) -> None:
        """An identical request is the same job, and canceling it once ends it; asked again, it is a new job."""
        job = submit(board, make_request())
        assert submit(board, job.vote_request).id == job.id
        canceled = board.cancel(job.id)
        assert canceled is not None
        assert canceled.status is JobStatus.CANCELED
        again = submit(board, job.vote_request)
        assert again.id != job.id
        assert status_of(board, again) is JobStatus.QUEUED

    def test_a_failure(self, board: JobBoard, make_request: MakeRequest) -> None:
        """The record has the problem."""
        job = submit(board, make_request())
        assert board.fail(job.id, PROBLEM)
        record = board.get(job.id)
        assert record is not None
        assert (record.status, record.error) == (JobStatus.FAILED, PROBLEM)

    def test_attempts(self, board: JobBoard, make_request: MakeRequest) -> None:
        """They are counted for each step of its own."""
        job = submit(board, make_request())
        assert [board.note_attempt(job.id, step) for step in ("select:0", "select:0", "estimate:0")] == [1, 2, 1]

    def test_attempts_at_a_job_that_is_done(
        self, board: JobBoard, server: redis.Redis, make_request: MakeRequest
    ) -> None:
        """They are not counted, and leave nothing behind."""
        job = submit(board, make_request())
        board.cancel(job.id)
        assert board.note_attempt(job.id, "select:0") == 0
        assert not server.exists(f"robustify:attempts:{job.id}")

    @pytest.mark.slow
    def test_it_comes_no_further(self, board_with: BoardWith, make_request: MakeRequest) -> None:
        """A running job expires as a waiting one does; votes, and nothing else, give it as much time again."""
        board = board_with(queue_seconds=1)
        job = submit(board, make_request(n0=1200))
        first, second, _ = shards_of(Phase.SELECT, 1200)
        time.sleep(0.6)
        assert board.record_votes(job.id, first, job.vote_request.fingerprint, [500, 0]).counted
        time.sleep(0.6)
        assert board.lease(job.id, second, "worker")
        assert board.renew(job.id, second, "worker")
        time.sleep(0.6)
        assert not board.renew(job.id, second, "worker")
        assert status_of(board, job) is JobStatus.EXPIRED

    def test_a_worker_of_another_engine_reconciles(
        self, board_with: BoardWith, server: redis.Redis, make_request: MakeRequest
    ) -> None:
        """It ends overdue jobs, running or not, but takes over no other's shards and steps."""
        board, other = board_with(lease_seconds=0.05), "0" * 64
        lost, due = submit(board, make_request(n=1000)), submit(board, make_request(n=2000))
        assert pop(server) is not None
        board.lease(lost.id, select_shard(), "gone")
        record_all(board, due, Phase.SELECT)
        time.sleep(0.06)
        assert board.reconcile(other) == []
        assert waiting_shards(server, JobKind.CERTIFY, ENGINE) == 0
        assert board.reconcile(ENGINE) == [due.id]
        assert waiting_shards(server, JobKind.CERTIFY, ENGINE) == 1
        for job in (lost, due):
            server.hset(f"robustify:job:{job.id}", "expires_at", 0)
            server.zadd("robustify:running", {job.id: 0})
        time.sleep(0.002)
        board.reconcile("1" * 64)
        assert server.hget(f"robustify:job:{lost.id}", "status") == b"expired"
        assert server.hget(f"robustify:job:{due.id}", "status") == b"expired"

    @pytest.mark.slow
    def test_nobody_begins_it_in_time(self, board_with: BoardWith, make_request: MakeRequest) -> None:
        """It expires, for a reader at once and without any worker."""
        board = board_with(queue_seconds=1)
        job = submit(board, make_request())
        time.sleep(1.1)
        assert not board.lease(job.id, select_shard(), "worker")
        assert status_of(board, job) is JobStatus.EXPIRED

    def test_reconcile_ends_overdue_jobs(
        self, board_with: BoardWith, server: redis.Redis, make_request: MakeRequest
    ) -> None:
        """Also those that nobody asks for."""
        board = board_with(queue_seconds=0)
        job = submit(board, make_request())
        board.reconcile(ENGINE)
        assert server.hget(f"robustify:job:{job.id}", "status") == b"expired"


class TestLeases:
    def test_another_has_it(self, board: JobBoard, make_request: MakeRequest) -> None:
        """A lease is one worker's, who may take it again; it begins the job."""
        job = submit(board, make_request())
        assert board.lease(job.id, select_shard(), "one")
        assert not board.lease(job.id, select_shard(), "two")
        assert board.lease(job.id, select_shard(), "one")
        assert not board.renew(job.id, select_shard(), "two")
        assert board.renew(job.id, select_shard(), "one")
        assert status_of(board, job) is JobStatus.RUNNING

    def test_it_is_given_back(self, board: JobBoard, server: redis.Redis, make_request: MakeRequest) -> None:
        """To the front of its queue, but by its owner only."""
        job = submit(board, make_request(n0=1200))
        names = [f"{job.id}-select-{first}" for first in (0, 500, 1000)]
        first = Shard(phase=Phase.SELECT, first=0, count=500)
        assert pop(server) == names[0]
        assert board.lease(job.id, first, "one")
        board.release(job.id, first, "two")
        assert waiting_shards(server, JobKind.CERTIFY, ENGINE) == 2
        board.release(job.id, first, "one")
        assert [pop(server), pop(server), pop(server), pop(server)] == [*names, None]

    def test_it_is_recorded_or_the_job_is_over(self, board: JobBoard, make_request: MakeRequest) -> None:
        """There is no lease of what is not wanted, and none is renewed."""
        job = submit(board, make_request(n0=1200))
        first, second, _ = shards_of(Phase.SELECT, 1200)
        assert board.lease(job.id, second, "one")
        board.record_votes(job.id, first, job.vote_request.fingerprint, [500, 0])
        assert not board.lease(job.id, first, "one")
        board.cancel(job.id)
        assert not board.renew(job.id, second, "one")
        assert not board.lease(job.id, second, "one")


class TestRecovery:
    @pytest.fixture
    def board(self, board_with: BoardWith) -> JobBoard:
        return board_with(lease_seconds=0.05)

    def test_the_worker_vanished(self, board: JobBoard, server: redis.Redis, make_request: MakeRequest) -> None:
        """Once its lease is over, its shard is delivered again, to the front."""
        job = submit(board, make_request(n0=1200))
        name = pop(server)
        board.lease(job.id, Shard(phase=Phase.SELECT, first=0, count=500), "gone")
        board.reconcile(ENGINE, pause=0.001)
        assert waiting_shards(server, JobKind.CERTIFY, ENGINE) == 2
        time.sleep(0.06)
        board.reconcile(ENGINE, pause=0.001)
        assert pop(server) == name
        assert board.lease(job.id, Shard(phase=Phase.SELECT, first=0, count=500), "another")

    def test_the_worker_vanished_between_pop_and_lease(
        self, board: JobBoard, server: redis.Redis, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The shard is delivered again."""
        monkeypatch.setattr("adapters.queue.rq_queue.POPPED_SECONDS", 0.05)
        submit(board, make_request())
        name = pop(server)
        assert pop(server) is None
        time.sleep(0.06)
        board.reconcile(ENGINE)
        assert pop(server) == name

    def test_the_list_of_rq_is_lost(self, board: JobBoard, server: redis.Redis, make_request: MakeRequest) -> None:
        """All that waited is delivered again."""
        job = submit(board, make_request(n0=1200))
        server.delete(CERTIFY)
        board.reconcile(ENGINE)
        shards = shards_of(Phase.SELECT, 1200)
        assert {pop(server) for _ in range(3)} == {f"{job.id}-select-{shard.first}" for shard in shards}

    def test_the_next_step_was_lost(self, board_with: BoardWith, make_request: MakeRequest) -> None:
        """A job with a complete phase is handed to whoever reconciles, and not to two at once."""
        board = board_with(lease_seconds=0.5)
        job = submit(board, make_request())
        record_all(board, job, Phase.SELECT)
        assert board.reconcile(ENGINE, pause=0.001) == []
        time.sleep(0.6)
        assert board.reconcile(ENGINE, pause=0.001) == [job.id]
        time.sleep(0.002)
        assert board.reconcile(ENGINE, pause=0.001) == []
        board.select(job.id, 0, 100)
        time.sleep(0.6)
        assert board.reconcile(ENGINE, pause=0.001) == []

    def test_one_reconciles_at_a_time(self, board: JobBoard, make_request: MakeRequest) -> None:
        """A second call within the pause does nothing."""
        job = submit(board, make_request())
        record_all(board, job, Phase.SELECT)
        time.sleep(0.06)
        assert [board.reconcile(ENGINE, pause=5), board.reconcile(ENGINE, pause=5)] == [[job.id], []]

    def test_a_shard_that_kills_its_workers(
        self, board: JobBoard, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its job fails in the end instead of killing workers for ever."""
        monkeypatch.setattr("adapters.queue.working.LOST_LIMIT", 2)
        job = submit(board, make_request())
        for _ in range(2):
            assert board.lease(job.id, select_shard(), "doomed")
            time.sleep(0.06)
            board.reconcile(ENGINE, pause=0.001)
        record = board.get(job.id)
        assert record is not None
        assert record.error is not None
        assert record.error.type == "worker-lost"

    def test_a_shard_that_nobody_comes_to_begin(
        self, board: JobBoard, server: redis.Redis, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its deliveries count as lost too, though no worker ever had its lease."""
        monkeypatch.setattr("adapters.queue.working.LOST_LIMIT", 2)
        monkeypatch.setattr("adapters.queue.rq_queue.POPPED_SECONDS", 0.01)
        job = submit(board, make_request())
        for status in (JobStatus.QUEUED, JobStatus.FAILED):
            assert pop(server) is not None
            time.sleep(0.02)
            board.reconcile(ENGINE, pause=0.001)
            assert status_of(board, job) is status

    def test_nothing_was_lost(self, board: JobBoard, server: redis.Redis, make_request: MakeRequest) -> None:
        """Reconciling again and again changes nothing."""
        submit(board, make_request(n0=1200))
        before = server.lrange(CERTIFY, 0, -1)
        for _ in range(3):
            board.reconcile(ENGINE, pause=0.001)
            time.sleep(0.002)
        assert server.lrange(CERTIFY, 0, -1) == before


class TestWorkers:
    def test_a_worker_that_falls_silent(self, board: JobBoard) -> None:
        """It is listed for its time to live; a time of 0 takes it off at once."""
        records = [WorkerRecord(name=name, profile="mini", engine="e", started_at=1.0, shards_done=0) for name in "abc"]
        for record, ttl in zip(records, (60, 0.05, 60), strict=True):
            board.register(record, ttl)
        time.sleep(0.06)
        board.register(records[2], ttl=0)
        assert board.workers() == [records[0]]

    def test_a_worker_of_a_newer_release(self, board: JobBoard, server: redis.Redis) -> None:
        """What this release does not know of it is ignored."""
        record = WorkerRecord(name="new", profile="mini", engine="e", started_at=1.0, shards_done=0)
        board.register(record, ttl=60)
        server.hset("robustify:worker-records", "new", record.model_dump_json()[:-1] + ', "mood": "sunny"}')
        assert board.workers() == [record]

    def test_the_check_of_the_secret(self, board: JobBoard) -> None:
        """The first one of an engine stands."""
        assert [board.noise_check("e", check) for check in ("one", "two")] == ["one", "one"]
        assert board.noise_check("another", "two") == "two"
