"""What the board charges to the ledger, on a real queue server."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import redis

from adapters.contract.jobs import JobRecord, JobRequest, Shard
from adapters.contract.records import JobKind
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from robustify.errors import TooManyQuestionsError
from robustify.types import Phase
from tests.answers import answer_of

MakeRequest = Callable[..., JobRequest]
SAMPLES = {Phase.PREDICT: 1000, Phase.SELECT: 100, Phase.ESTIMATE: 1000}


@dataclass(frozen=True)
class Desk:
    """A board, and a worker that answers at once."""

    board: JobBoard

    def answer(self, request: JobRequest, missing: int = 0) -> JobRecord:
        """Submits a request and ends its job, if it is not done by then, with so many votes missing."""
        job = self.board.submit(request, 1000)
        if not job.status.done:
            for planned in request.phases:
                self.vote(job, planned.phase, missing)
            assert self.board.finish(job.id, answer_of(self.board, job.id))
        found = self.board.get(job.id)
        assert found is not None
        return found

    def vote(self, job: JobRecord, phase: Phase, missing: int = 0) -> None:
        shard = Shard(phase=phase, first=0, count=SAMPLES[phase])
        assert self.board.record_votes(job.id, shard, job.vote_request.fingerprint, [shard.count - missing, 0]).counted
        if phase is Phase.SELECT:
            self.board.select(job.id, 0, shard.count)

    @property
    def charged(self) -> dict[str, int]:
        return dict(self.board.ledger().certificates.counts)


@pytest.fixture
def desk(connection: redis.Redis, queue_settings: Settings) -> Desk:
    return Desk(JobBoard(connection, queue_settings))


def test_outcome_when_it_is_asked_for_again(desk: Desk, make_request: MakeRequest) -> None:
    """It is charged once, abstention or not."""
    for _ in range(5):
        desk.answer(make_request())

    assert desk.charged == {"0.001": 1}


def test_outcomes_when_their_configurations_differ(desk: Desk, make_request: MakeRequest) -> None:
    """Each costs its own alpha, also where the votes are the same, and predictions are apart."""
    for alpha, n0 in ((0.001, 100), (0.01, 100), (0.001, 50)):
        samples = {**SAMPLES, Phase.SELECT: n0}
        request = make_request(alpha=alpha, n0=n0)
        job = desk.board.submit(request, 1000)
        for planned in request.phases:
            shard = Shard(phase=planned.phase, first=0, count=samples[planned.phase])
            assert desk.board.record_votes(job.id, shard, request.fingerprint, [shard.count, 0]).counted
            desk.board.select(job.id, 0, shard.count)
        assert desk.board.finish(job.id, answer_of(desk.board, job.id))
    desk.answer(make_request(kind=JobKind.PREDICT))

    assert desk.charged == {"0.001": 2, "0.01": 1}
    assert desk.board.ledger().predictions.issued == 1


def test_outcome_when_votes_were_missing(desk: Desk, make_request: MakeRequest) -> None:
    """Each answer that is given is charged, though it is not stored; the one that is stored is charged once."""
    for missing, answers in ((3, 1), (3, 2), (2, 3), (0, 4), (0, 4)):
        desk.answer(make_request(), missing)
        assert desk.charged == {"0.001": answers}


def test_job_when_it_is_canceled_and_submitted_again(desk: Desk, make_request: MakeRequest) -> None:
    """Nothing was given out, so nothing is charged; the next job meets the same noise, and is charged once."""
    request = make_request()
    first = desk.board.submit(request, 1000)
    desk.vote(first, Phase.SELECT)
    desk.board.cancel(first.id)
    assert desk.charged == {}
    second = desk.answer(request)

    assert second.id != first.id
    assert second.vote_request.question == first.vote_request.question
    assert desk.charged == {"0.001": 1}


def test_job_when_two_end_with_one_outcome(desk: Desk, make_request: MakeRequest) -> None:
    """The second takes the stored one, which was charged already."""
    request = make_request()
    first = desk.board.submit(request, 1000)
    second = desk.board.submit(request.model_copy(update={"task": "another name"}), 1000)
    assert first.id != second.id
    for job in (first, second):
        for planned in request.phases:
            desk.vote(job, planned.phase)
    for job in (first, second):
        assert desk.board.finish(job.id, answer_of(desk.board, job.id))

    assert desk.charged == {"0.001": 1}


def of_another_image(request: JobRequest) -> JobRequest:
    return request.model_copy(update={"image": request.image.model_copy(update={"sha256": "e" * 64})})


def test_questions_when_they_are_asked_about_an_image(desk: Desk, make_request: MakeRequest) -> None:
    """Every different question counts once, canceled or not; the same one again and other images do not."""
    image = make_request().image
    other = of_another_image(make_request())
    for request in (make_request(), make_request(), make_request(alpha=0.01), other):
        desk.answer(request)
    desk.board.cancel(desk.board.submit(make_request(alpha=0.02), 1000).id)

    assert desk.board.questions_about(image.sha256) == 3
    assert desk.board.questions_about(other.image.sha256) == 1
    assert desk.board.questions_about("0" * 64) == 0


def test_questions_when_an_image_had_as_many_as_are_allowed(
    connection: redis.Redis, queue_settings: Settings, make_request: MakeRequest
) -> None:
    """Another one is refused and says why; those that were asked are answered again, and other images are free."""
    desk = Desk(JobBoard(connection, queue_settings.model_copy(update={"max_questions_per_image": 2})))
    for alpha in (0.001, 0.01):
        desk.answer(make_request(alpha=alpha))
    with pytest.raises(TooManyQuestionsError, match="2 questions were asked about this image"):
        desk.board.submit(make_request(alpha=0.02), 1000)
    desk.answer(make_request(alpha=0.01))
    desk.answer(of_another_image(make_request()))

    assert desk.charged == {"0.001": 2, "0.01": 1}
