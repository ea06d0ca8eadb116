"""Votes at several sigmas on a real queue server: each sample votes once at every sigma, and each copy is paid for."""

import pytest

from adapters.contract.access import Allowance, Caller
from adapters.contract.answer import certify_sigmas_result
from adapters.contract.jobs import JobRecord, JobStatus, Shard
from adapters.contract.next_step import Finish, Select, next_step
from adapters.contract.results import CertifySigmasResult
from adapters.queue.asking import Asked
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.errors import AllowanceError
from robustify.smoothing.looks import Tally
from robustify.types import Bound, Phase
from tests.answers import standing_of
from tests.queue_fixtures import MakeRequest

SIGMAS = (0.25, 0.5, 1.0)
N0, N = 100, 200


@pytest.fixture
def board(connection: object, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)  # type: ignore[arg-type]


@pytest.fixture
def job(board: JobBoard, make_request: MakeRequest) -> JobRecord:
    request = make_request(n0=N0, n=N, sigma=1.0, sigmas=SIGMAS, bound=Bound.MULTICLASS)
    return board.submit(request, shard_samples=100)


def record(board: JobBoard, job: JobRecord, phase: Phase, first: int, votes: list[int]) -> str | None:
    shard = Shard(phase=phase, first=first, count=100)
    return board.record_votes(job.id, shard, job.vote_request.fingerprint, votes).refusal


def finished(board: JobBoard, job: JobRecord) -> CertifySigmasResult:
    """From its first votes to its result."""
    assert record(board, job, Phase.SELECT, 0, [90, 10, 80, 20, 40, 60]) is None
    step = next_step(standing_of(board, job.id))
    assert step == Select((0, 0, 1), N0)
    assert board.select(job.id, (0, 0, 1), N0) == (0, 0, 1)
    for first in (0, 100):
        assert record(board, job, Phase.ESTIMATE, first, [99, 1, 95, 5, 45, 55]) is None
    end = next_step(standing_of(board, job.id))
    assert isinstance(end, Finish)
    assert isinstance(end.selection, tuple)
    assert end.tally == Tally(N, (198, 2, 190, 10, 90, 110))
    result = certify_sigmas_result(job.vote_request, end.selection, end.tally, 1.0)
    assert board.finish(job.id, result)
    return result


@pytest.mark.parametrize("votes", [[100, 1, 0, 0, 0, 0], [100, 0, 100, 0, 60, 41], [50, 50], [50, 50, 50, 50]])
def test_votes_at_a_sigma_that_cannot_be(board: JobBoard, job: JobRecord, votes: list[int]) -> None:
    """More votes at a sigma than samples, or of another number of sigmas, are refused."""
    assert record(board, job, Phase.SELECT, 0, votes) == "impossible-votes"


def test_job_at_several_sigmas_from_its_first_votes_to_its_result(board: JobBoard, job: JobRecord) -> None:
    """One class is chosen at each sigma; the largest radius answers, and one alpha stands in the ledger."""
    result = finished(board, job)
    ended = board.get(job.id)
    assert ended is not None
    assert (ended.status, ended.result) == (JobStatus.SUCCEEDED, result)
    assert [one.index for one in result.sigmas] == [0, 0, 1]
    assert result.radius == max(one.radius or 0.0 for one in result.sigmas)
    assert board.ledger().certificates.alpha == job.vote_request.alpha


def test_samples_that_are_done_at_several_sigmas(board: JobBoard, job: JobRecord) -> None:
    """Each noisy copy is one, in progress, in figures and in what the owner is charged."""
    assert (job.samples_done, job.samples_total) == (0, 3 * (N0 + N))
    record(board, job, Phase.SELECT, 0, [90, 10, 80, 20, 40, 60])
    half = board.get(job.id)
    assert half is not None
    assert half.samples_done == 3 * N0
    board.let_go(job.id, job.owner)
    assert board.figures().counters["samples:certify"] == 3 * N0
    assert board.usage(job.owner, 1).days[0].samples == 3 * N0


def test_question_at_several_sigmas_when_it_is_asked_again(board: JobBoard, job: JobRecord) -> None:
    """The stored outcome answers, with all of its sigmas, and is done by as many copies."""
    result = finished(board, job)
    again = board.submit(job.vote_request.model_copy(update={"task": "a name"}), shard_samples=100)
    assert again.status is JobStatus.SUCCEEDED
    assert isinstance(again.result, CertifySigmasResult)
    assert again.result.sigmas == result.sigmas
    assert (again.samples_done, again.samples_total) == (3 * (N0 + N), 3 * (N0 + N))


def test_quota_of_who_asks_at_several_sigmas(board: JobBoard, make_request: MakeRequest) -> None:
    """All copies are counted before the job is taken."""
    caller = Caller(owner="somebody", allowance=Allowance(samples_per_day=3 * (N0 + N) - 1))
    with pytest.raises(AllowanceError, match="quota"):
        board.submit(make_request(n0=N0, n=N, sigma=1.0, sigmas=SIGMAS), 100, Asked(caller))
    board.submit(make_request(n0=N0, n=N), 100, Asked(caller))


def test_answer_when_one_sigma_lacks_votes(board: JobBoard, job: JobRecord) -> None:
    """It is no outcome: the same question is asked anew."""
    record(board, job, Phase.SELECT, 0, [90, 10, 80, 20, 40, 60])
    board.select(job.id, (0, 0, 1), N0)
    record(board, job, Phase.ESTIMATE, 0, [99, 1, 95, 5, 45, 55])
    record(board, job, Phase.ESTIMATE, 100, [99, 1, 95, 5, 45, 54])
    end = next_step(standing_of(board, job.id))
    assert isinstance(end, Finish)
    assert isinstance(end.selection, tuple)
    assert board.finish(job.id, certify_sigmas_result(job.vote_request, end.selection, end.tally, 1.0))
    again = board.submit(job.vote_request, shard_samples=100)
    assert (again.status, again.job == job.id) == (JobStatus.QUEUED, False)
