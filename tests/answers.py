"""Results for tests that play the worker: made of the votes that the board holds, and whatever else a test wants."""

from math import inf
from typing import Any

from adapters.contract.answer import answered_image, answering_model, label_votes
from adapters.contract.jobs import JobRecord, JobRequest, PreviewRequest
from adapters.contract.next_step import Standing
from adapters.contract.records import JobKind
from adapters.contract.results import (
    AdaptedFrom,
    AdaptResult,
    CertifyResult,
    MadeTask,
    Picture,
    PictureName,
    PredictResult,
    PreviewResult,
    Seen,
    Voted,
)
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
    return recorded(standing_of(board, job_id), phase)


def recorded(standing: Standing, phase: Phase, samples: float = inf) -> list[int]:
    """The sum of the recorded votes of a phase, or of those of its first samples."""
    shards = [votes for first, votes in standing.counted[phase].shards.items() if first < samples]
    return [sum(of_class) for of_class in zip(*shards, [0] * len(standing.record.request.labels), strict=True)]


def samples_of(request: JobRequest, phase: Phase) -> int:
    """That are planned for a phase."""
    return next(planned.samples for planned in request.phases if planned.phase is phase)


def answer_of(board: JobBoard, job_id: str, samples: int | None = None, **changes: object) -> Voted:
    """An abstention made of the votes that are recorded, of the first so many samples of the last phase, by default of
    all; with changes."""
    standing = standing_of(board, job_id)
    request = standing.record.vote_request
    last = request.phases[-1]
    used = last.samples if samples is None else samples
    votes = label_votes(request, recorded(standing, last.phase, used))
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
        selection_samples=standing.selection_samples,
        samples_used=standing.selection_samples + used,
        p_lower=0.0,
        selection_votes=label_votes(request, recorded(standing, Phase.SELECT, standing.selection_samples)),
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


def preview_of(request: PreviewRequest) -> PreviewResult:
    """What a worker says that has made a preview of an image that it did not change."""
    size = {"width": request.image.width, "height": request.image.height}
    return PreviewResult(
        sigma=request.sigma,
        seen=Seen(plain=request.labels[0], noisy=None, denoised=request.labels[0]),
        pictures=tuple(Picture(name=name, **size) for name in list(PictureName)[:3]),
        model=answering_model(request),
        input=answered_image(request.image),
        seconds=0.0,
    )


def shown(record: JobRecord | None) -> dict[str, Any]:
    """The result of a job that has one, as JSON."""
    assert record is not None
    assert record.result is not None
    return record.result.model_dump(mode="json")
