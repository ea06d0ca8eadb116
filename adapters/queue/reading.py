"""From what the board's script answers to records."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.contract.answer import addressed
from adapters.contract.jobs import JobRecord, JobRequest, JobStatus, PlannedPhase
from adapters.contract.next_step import Choice, CountedPhase, Standing
from adapters.contract.records import JobKind
from adapters.contract.results import AdaptResult, AnyVoted, PreviewResult, read_result
from robustify.smoothing.looks import Looks
from robustify.types import Phase

RECORD_FIELDS = ("status", "created_at", "started_at", "ended_at", "samples_done", "samples_total", "stage", "owner")


def pairs(answer: Sequence[str]) -> dict[str, str]:
    """A hash, which comes as names and values in turn."""
    return dict(zip(answer[::2], answer[1::2], strict=True))


def record_of(job_id: str, answer: Sequence[str]) -> JobRecord:
    """A job from its hash."""
    stored = pairs(answer)
    values: dict[str, object] = {name: stored[name] for name in RECORD_FIELDS if name in stored}
    request = json.loads(stored["request"])
    if "result" in stored:
        values["result"] = read_result(JobKind(request["kind"]), stored["result"])
    if "error" in stored:
        values["error"] = json.loads(stored["error"])
    if stored.get("trace"):
        values["trace"] = stored["trace"]
    return JobRecord.model_validate({"id": job_id, "job": job_id, "request": request, **values}, extra="ignore")


def record_if_any(job_id: str, answer: Sequence[str]) -> JobRecord | None:
    return record_of(job_id, answer) if answer else None


def as_leased(known: JobRecord, started_at: str, samples_done: str, stage: str | None) -> JobRecord:
    """A job that goes on, from what was known of it and what may have changed."""
    changed = {"status": JobStatus.RUNNING, "started_at": float(started_at), "samples_done": int(samples_done)}
    return known.model_copy(update={**changed, "stage": stage})


def as_held(answer: Sequence[Any]) -> JobRecord:  # Any: an id and a hash, twice.
    """A job as the owner of a ticket sees it: under the ticket's id, and as if nobody had asked before."""
    ticket, held, job_id, job = answer
    hold, record = pairs(held), record_of(job_id, job)
    created_at = float(hold["created_at"])
    seen: dict[str, object] = {
        "id": ticket,
        "job": job_id,
        "owner": hold["owner"],
        "created_at": created_at,
        "started_at": None if record.started_at is None else max(created_at, record.started_at),
    }
    if "canceled_at" in hold:
        seen |= {"status": JobStatus.CANCELED, "ended_at": float(hold["canceled_at"]), "result": None, "error": None}
    return record.model_copy(update=seen)


def standing_of(job_id: str, answer: Sequence[Any]) -> Standing | None:  # Any: a hash, and phases.
    """How a job stands; None when there is no such job."""
    job, *phases = answer
    if not job:
        return None
    stored = pairs(job)
    selected = stored.get("selected")
    return Standing(
        record=record_of(job_id, job),
        selected=None if selected is None else choice_of(selected),
        selection_samples=int(stored.get("selection_samples", 0)),
        counted=counted(phases),
        is_settled="settled" in stored,
    )


def choice_of(text: str) -> Choice:
    """The class that is stored, or the classes of several label sets, in order."""
    first, *others = map(int, text.split(","))
    return (first, *others) if others else first


def stored_choice(choice: Choice) -> str:
    """As the board has it."""
    return str(choice) if isinstance(choice, int) else ",".join(map(str, choice))


def planned(phase: PlannedPhase, shard_samples: int) -> tuple[str, int, int, int, int, int]:
    """As the board's script has it."""
    cut = phase.cut(shard_samples)
    stride = cut.step if cut.stride is None else cut.stride
    return (phase.phase, phase.samples, cut.step, cut.head, stride, int(phase.looks is not None))


def counted(answer: Sequence[Any]) -> Mapping[Phase, CountedPhase]:  # Any: likewise.
    """From phase, its cut and its hash one after the other."""
    return {
        Phase(phase): CountedPhase(
            _cut(*json.loads(cut)), {int(first): json.loads(votes) for first, votes in pairs(shards).items()}
        )
        for phase, cut, shards in zip(answer[::3], answer[1::3], answer[2::3], strict=True)
    }


def _cut(step: int, head: int, stride: int) -> Looks:
    """As the board's script has it, whose stride is the step where there is no head."""
    return Looks(step, head, stride) if head else Looks(step)


def stored_outcome(text: str, request: JobRequest) -> AnyVoted:
    """A stored outcome as the answer to this request."""
    outcome = read_result(request.kind, text)
    assert not isinstance(outcome, AdaptResult | PreviewResult)
    return addressed(outcome, request)
