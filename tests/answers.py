"""Results for tests that play the worker: made of the votes that the board holds, and whatever else a test wants."""

from typing import Any

from adapters.contract.answer import answered_image, answering_model, label_votes
from adapters.contract.jobs import JobRecord
from adapters.contract.next_step import Standing
from adapters.contract.records import JobKind
from adapters.contract.results import AdaptedFrom, AdaptResult, CertifyResult, MadeTask, PredictResult, Voted
from adapters.queue.board import JobBoard
from robustify.smoothing.rules import Outcome
from robustify.types import Phase


def standing_of(board: JobBoard, job_id: str) -> Standing:
    """Of a job that is there."""
    standing = board.standing(job_id)
    assert standing is not None
    return standing


def phase_votes(board: JobBoard, job_id: str, phase: Phase) -> list[int]:
    """The sum of the recorded votes of a phase."""
    return standing_of(board, job_id).phase_votes(phase)


def answer_of(board: JobBoard, job_id: str, samples: int | None = None, **changes: object) -> Voted:
    """An abstention made of the votes that are recorded, of the first so many samples of the last phase, by default of
    all; with changes."""
    standing = standing_of(board, job_id)
    request = standing.record.vote_request
    phase, planned = request.phases[-1]
    used = planned if samples is None else samples
    shards = [votes for first, votes in standing.shards(phase).items() if first < used]
    votes = label_votes(request, [sum(of_class) for of_class in zip(*shards, [0] * len(request.labels), strict=True)])
    common: dict[str, Any] = {
        "label": None,
        "index": None,
        "votes": votes,
        "n": request.n,
        "alpha": request.alpha,
        "sigma": request.sigma,
        "noise": request.noise,
        "model": answering_model(request),
        "input": answered_image(request.image),
        "seconds": 0.0,
    }
    if request.kind is JobKind.PREDICT:
        predicted = PredictResult(outcome="abstained", test=request.test, p_value=1.0, samples_used=used, **common)
        return predicted.model_copy(update=changes)
    certified = CertifyResult(
        outcome=Outcome.ABSTAINED,
        radius=None,
        bound=request.bound,
        n0=request.n0,
        samples_used=request.n0 + used,
        p_lower=0.0,
        selection_votes=label_votes(request, standing.phase_votes(Phase.SELECT)),
        **common,
    )
    return certified.model_copy(update=changes)


def adapted(name: str = "pets", **changes: object) -> AdaptResult:
    """What a worker says that has adapted a task."""
    made = AdaptResult(
        outcome="published",
        task=MadeTask(id="0" * 16, name=name, version=1, current=1),
        adaptation="a" * 64,
        figures=None,
        model=AdaptedFrom(profile="mini", models="m" * 64),
        seconds=1.0,
    )
    return made.model_copy(update=changes)


def shown(record: JobRecord | None) -> dict[str, Any]:
    """The result of a job that has one, as JSON."""
    assert record is not None
    assert record.result is not None
    return record.result.model_dump(mode="json")
