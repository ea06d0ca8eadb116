"""Votes of several label sets on a real queue server: each sample votes once in every set."""

import pytest

from adapters.contract.answer import certify_sets_result, together_rule_of
from adapters.contract.jobs import JobRecord, JobRequest, JobStatus, Shard
from adapters.contract.next_step import Finish, Select, next_step
from adapters.contract.results import CertifySetsResult
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.smoothing.looks import Tally
from robustify.types import Bound, Phase
from tests.answers import standing_of
from tests.queue_fixtures import MakeRequest

SETS = (("cat", "dog"), ("ship", "car", "cat"))
N0, N = 100, 200


@pytest.fixture
def board(connection: object, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)  # type: ignore[arg-type]


@pytest.fixture
def job(board: JobBoard, make_request: MakeRequest) -> JobRecord:
    request = make_request(n0=N0, n=N, labels=(), label_sets=SETS, bound=Bound.MULTICLASS)
    return board.submit(request, shard_samples=100)


def record(board: JobBoard, job: JobRecord, phase: Phase, first: int, votes: list[int]) -> str | None:
    shard = Shard(phase=phase, first=first, count=100)
    return board.record_votes(job.id, shard, job.vote_request.fingerprint, votes).refusal


def answered(request: JobRequest, step: Finish) -> CertifySetsResult:
    assert isinstance(step.selection, tuple)
    return certify_sets_result(request, step.selection, step.tally, 1.0)


@pytest.mark.parametrize(
    "votes",
    [[100, 1, 0, 0, 0], [60, 40, 100, 1, 0], [50, 50, 50, 50], [50, 50, 50, 50, 0, 0], [-1, 100, 50, 50, 0]],
)
def test_votes_that_cannot_be(board: JobBoard, job: JobRecord, votes: list[int]) -> None:
    """More votes in a set than samples, or of another number of labels, are refused, though all together would fit."""
    assert record(board, job, Phase.SELECT, 0, votes) == "impossible-votes"


def test_job_from_its_first_votes_to_its_result(board: JobBoard, job: JobRecord) -> None:
    """One class of each set is chosen and stored, and the result has an answer for each."""
    assert record(board, job, Phase.SELECT, 0, [90, 10, 1, 9, 90]) is None
    step = next_step(standing_of(board, job.id))
    assert step == Select((0, 2), N0)
    assert isinstance(step, Select)
    assert board.select(job.id, step.index, step.samples) == (0, 2)
    assert board.select(job.id, (1, 1), N0) == (0, 2)

    assert record(board, job, Phase.ESTIMATE, 0, [95, 5, 0, 40, 60]) is None
    assert record(board, job, Phase.ESTIMATE, 100, [97, 3, 0, 39, 61]) is None
    end = next_step(standing_of(board, job.id))
    assert isinstance(end, Finish)
    result = answered(job.vote_request, end)
    assert end.tally == Tally(N, (192, 8, 0, 79, 121))
    assert board.finish(job.id, result)

    ended = board.get(job.id)
    assert ended is not None
    assert (ended.status, ended.result) == (JobStatus.SUCCEEDED, result)
    assert [answer.label for answer in result.sets] == ["cat", "cat"]
    assert [answer.radius is not None for answer in result.sets] == [True, False]
    assert [sum(vote.count for vote in answer.votes) for answer in result.sets] == [N, N]
    assert result.alpha_each == together_rule_of(job.vote_request).alpha_each == 0.0005


def test_result_that_is_not_made_of_the_votes(board: JobBoard, job: JobRecord) -> None:
    """It is refused where a vote, or the class of any set, is another."""
    record(board, job, Phase.SELECT, 0, [90, 10, 1, 9, 90])
    board.select(job.id, (0, 2), N0)
    for first in (0, 100):
        record(board, job, Phase.ESTIMATE, first, [95, 5, 0, 40, 60])
    end = next_step(standing_of(board, job.id))
    assert isinstance(end, Finish)
    result = answered(job.vote_request, end)
    kept, second = result.sets
    others = [
        second.model_copy(update={"index": 1}),
        second.model_copy(update={"votes": (*second.votes[:2], second.votes[2].model_copy(update={"count": 121}))}),
    ]

    for other in others:
        assert not board.finish(job.id, result.model_copy(update={"sets": (kept, other)}))
    assert board.finish(job.id, result)


def test_answer_when_one_set_lacks_votes(board: JobBoard, job: JobRecord, make_request: MakeRequest) -> None:
    """It counts as lacking, however many votes the others have, and is no outcome: the same question is asked anew."""
    record(board, job, Phase.SELECT, 0, [90, 10, 1, 9, 90])
    board.select(job.id, (0, 2), N0)
    record(board, job, Phase.ESTIMATE, 0, [95, 5, 0, 40, 60])
    record(board, job, Phase.ESTIMATE, 100, [95, 5, 0, 40, 59])
    end = next_step(standing_of(board, job.id))
    assert isinstance(end, Finish)
    assert board.finish(job.id, answered(job.vote_request, end))

    again = board.submit(job.vote_request, shard_samples=100)
    assert (again.status, again.job == job.id) == (JobStatus.QUEUED, False)
    assert board.figures().counters["votes:lacking"] == 1


def test_question_when_it_is_asked_again(board: JobBoard, job: JobRecord) -> None:
    """The stored outcome answers, with all of its sets."""
    record(board, job, Phase.SELECT, 0, [90, 10, 1, 9, 90])
    board.select(job.id, (0, 2), N0)
    for first in (0, 100):
        record(board, job, Phase.ESTIMATE, first, [95, 5, 0, 40, 60])
    end = next_step(standing_of(board, job.id))
    assert isinstance(end, Finish)
    result = answered(job.vote_request, end)
    board.finish(job.id, result)

    again = board.submit(job.vote_request.model_copy(update={"task": "a name"}), shard_samples=100)
    assert again.status is JobStatus.SUCCEEDED
    assert isinstance(again.result, CertifySetsResult)
    assert again.result.sets == result.sets
    assert again.result.model.task == "a name"
