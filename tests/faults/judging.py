"""What must be true of every accepted job, whatever happened: it ends, with the answer of an undisturbed run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.contract.jobs import JobRequest, JobStatus
from adapters.contract.results import CertifyResult, PredictResult
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from tests.faults.lanes import Job, Lane
from workers.commands.local import LocalAnswer


@dataclass
class Findings:
    """What was seen in some runs of one fault. All but `runs`, `jobs`, `seconds` and `counts` must be zero or empty."""

    runs: int = 0
    jobs: int = 0
    lost: int = 0
    """Accepted, and gone or never done."""
    double: int = 0
    """With more votes than samples."""
    larger: int = 0
    """With a larger radius than the undisturbed run's."""
    other: int = 0
    """Done with another answer than the undisturbed run's, or failed."""
    broken: list[str] = field(default_factory=list)
    """What else of the row did not hold, in words."""
    seconds: list[float] = field(default_factory=list)
    """From the end of the fault to the answer of the job, for each."""
    counts: dict[str, float] = field(default_factory=dict)
    """What else was counted, by its name."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.double or self.larger or self.other or self.broken)

    def count(self, what: str, number: float = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    def add(self, others: "Findings") -> None:
        self.runs += others.runs
        self.jobs += others.jobs
        self.lost += others.lost
        self.double += others.double
        self.larger += others.larger
        self.other += others.other
        self.broken += others.broken
        self.seconds += others.seconds
        for what, number in others.counts.items():
            self.count(what, number)

    def judge(self, lane: Lane, job: Job) -> None:
        """A job of the board, which has had its time."""
        self.jobs += 1
        record = lane.current(job)
        if record is None or not record.status.done:
            self.lost += 1
        elif record.status is not JobStatus.SUCCEEDED or not isinstance(record.result, CertifyResult):
            self.other += 1
        else:
            settings = lane.settings.model_copy(update={"profile": job.request.profile})
            self.judge_result(record.result, undisturbed(job.request, settings))

    def judge_prediction(self, result: PredictResult, expected: PredictResult) -> None:
        """Likewise of a prediction."""
        self.double += sum(vote.count for vote in result.votes) > min(result.n, result.samples_used)
        self.other += prediction_essence(result) != prediction_essence(expected)

    def judge_result(self, result: CertifyResult, expected: CertifyResult) -> None:
        """What was answered, beside what an undisturbed run answers."""
        self.double += has_more_votes_than_samples(result)
        self.larger += (result.radius or 0.0) > (expected.radius or 0.0)
        self.other += essence(result) != essence(expected)


def undisturbed(request: JobRequest, settings: Settings) -> CertifyResult:
    """Computed here and now by the algorithm, without a queue: noise is a function of the question alone."""
    return alone(request, settings).certificate()


def undisturbed_prediction(request: JobRequest, settings: Settings) -> PredictResult:
    """Likewise."""
    return alone(request, settings).prediction()


def alone(request: JobRequest, settings: Settings) -> LocalAnswer:
    image = ImageStore(settings.state.images).get(request.image.sha256)
    return LocalAnswer(request, image, settings, lambda done, total: None)


def has_more_votes_than_samples(result: CertifyResult) -> bool:
    votes, selection = (sum(vote.count for vote in votes) for votes in (result.votes, result.selection_votes))
    return votes > result.n or selection > result.n0 or votes + selection > result.samples_used


def essence(result: CertifyResult) -> Sequence[object]:
    """All of an answer that a fault must not change."""
    return (result.outcome, result.index, result.radius, result.votes, result.selection_votes, result.samples_used)


def prediction_essence(result: PredictResult) -> Sequence[object]:
    return (result.outcome, result.index, result.votes, result.p_value, result.n, result.samples_used)
