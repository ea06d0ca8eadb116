"""The job board: the service's own records of jobs, shards and votes; RQ only carries ids and wakes workers.

Every change is one atomic command of board.lua. All methods raise QueueUnavailableError when the server does not
answer, and may be called again after that without harm.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from adapters.canonical_json import text_digest
from adapters.contract.answer import addressed
from adapters.contract.jobs import AdaptRequest, JobError, JobRecord, JobRequest, PlannedPhase, Shard, WorkerRecord
from adapters.contract.labels import task_id
from adapters.contract.ledger import Ledger, ledger_entry
from adapters.contract.next_step import CountedPhase, Standing
from adapters.contract.records import JobKind
from adapters.contract.results import AdaptResult, Voted, read_result
from adapters.queue.board_script import BoardScript
from adapters.queue.keys import KINDS, new_job_id, queue_name, queue_names
from adapters.settings import Settings
from robustify.errors import QueueFullError, TaskConflictError, TooManyQuestionsError
from robustify.smoothing.looks import Looks
from robustify.types import Phase

LOST_LIMIT = 10
"""A shard that was delivered and lost so often is taken to be what kills its workers."""
WORKER_LOST = JobError(
    type="worker-lost",
    title="Workers were lost",
    detail="Worker after worker vanished during this job, probably for lack of memory: tell the operator.",
)
RECORD_FIELDS = ("status", "created_at", "started_at", "ended_at", "samples_done", "samples_total", "stage")


@dataclass(frozen=True)
class VoteReceipt:
    """What became of a shard's votes. `counted`: they are in now; `is_due`: somebody must see to the job's next step,
    since these were the last votes of their phase, or may settle the answer.

    `refusal` tells why they were not counted: not-live, other-phase, not-planned, duplicate, no-votes (of an
    adaptation), other-fingerprint or impossible-votes.
    """

    counted: bool
    is_due: bool
    refusal: str | None = None


class JobBoard:
    """All that the service and the workers know of jobs."""

    def __init__(self, connection: redis.Redis, settings: Settings) -> None:
        self._call = BoardScript(connection)
        self._settings = settings

    # For the service.

    def submit(self, request: JobRequest, shard_samples: int) -> JobRecord:
        """The job of this request: the one that is there, a done one if its outcome is known, or a new one.

        A phase that may be settled early has a look after each of its shards; others are cut into `shard_samples`.
        Raises QueueFullError when as many jobs wait as the settings allow, and TooManyQuestionsError when as many
        questions were asked about the image.
        """
        if shard_samples < 1 or any(phase.samples < 1 for phase in request.phases):
            raise ValueError("every phase and every shard needs at least one sample")
        plan = self._plan(request) | {
            "outcome": request.question.digest,
            "image": request.image.sha256,
            "phases": _json([_planned(phase, shard_samples) for phase in request.phases]),
            "samples_total": sum(phase.samples for phase in request.phases),
            "classes": len(request.labels),
            "fingerprint": request.fingerprint,
            "task": task_id(request.task) if request.task else "",
            "ledger": ledger_entry(request.kind, request.alpha),
            "adapts": False,
        }
        answer = self._submit(plan)
        if answer[0] == "stored":
            result = stored_outcome(answer[1], request)
            document = result.model_dump_json()
            answer = ["job", *self._call("adopt", result=document, samples_done=result.samples_used, **plan)]
        return _record(answer[1], answer[2])

    def submit_adaptation(self, request: AdaptRequest, steps: int) -> JobRecord:
        """The job that adapts a task, of so many steps: the one of the same request that is under way, or a new one.

        Raises TaskConflictError when another request adapts the same task now, and QueueFullError as `submit` does.
        """
        steps = max(1, steps)
        plan = self._plan(request) | {
            "outcome": "",
            "image": "",
            "phases": _json([_planned(PlannedPhase(Phase.ADAPT, steps), steps)]),
            "samples_total": steps,
            "classes": 0,
            "fingerprint": "",
            "task": task_id(request.name),
            "ledger": "",
            "adapts": True,
        }
        answer = self._submit(plan)
        if answer[0] == "adapting":
            raise TaskConflictError(f"job {answer[1]} adapts this task now: wait for it, or cancel it")
        return _record(answer[1], answer[2])

    def jobs_of_task(self, identifier: str) -> list[str]:
        """The jobs that are not done and answer with, or adapt, a task, which its id names."""
        found: list[str] = self._call("jobs_of", task=identifier)
        return found

    def get(self, job_id: str) -> JobRecord | None:
        return _record_if_any(job_id, self._call("get", job=job_id))

    def cancel(self, job_id: str) -> JobRecord | None:
        """Ends a job that is not done, for everybody who submitted it; None when there is no such job.

        Workers notice it between two batches.
        """
        return _record_if_any(job_id, self._call("cancel", job=job_id))

    def workers(self) -> list[WorkerRecord]:
        """The workers that showed themselves lately."""
        return [WorkerRecord.model_validate_json(record, extra="ignore") for record in self._call("workers")]

    def ping(self) -> None:
        """Raises QueueUnavailableError unless the server takes writes."""
        self._call("ping")

    def queue_depths(self) -> dict[str, int]:
        """The number of shards that wait for each kind of job, whatever the engine."""
        return dict(zip(KINDS, self._call("depths", kinds=KINDS), strict=True))

    def ledger(self) -> Ledger:
        """How many answers were given out, and with which chance of error."""
        return Ledger.of(_pairs(self._call("ledger")))

    def questions_about(self, image: str) -> int:
        """How many different questions were asked about a canonical tensor, which its sha256 names."""
        return int(self._call("questions", image=image))

    # For workers.

    def register(self, worker: WorkerRecord, ttl: float) -> None:
        """Shows a worker for `ttl` seconds; 0 takes it off."""
        self._call("register", name=worker.name, record=worker.model_dump_json(), seconds=ttl)

    def lease(self, job_id: str, shard: Shard, owner: str) -> bool:
        """Gives a shard to a worker for `lease_seconds` and begins the job; False if it is not wanted or another's."""
        return bool(self._shard("lease", job_id, shard, owner=owner, seconds=self._settings.lease_seconds))

    def renew(self, job_id: str, shard: Shard, owner: str) -> bool:
        """Lengthens a lease; False when there is none any more: the work is another's or not wanted."""
        return bool(self._shard("renew", job_id, shard, owner=owner, seconds=self._settings.lease_seconds))

    def release(self, job_id: str, shard: Shard, owner: str) -> None:
        """Gives a leased shard back, to the front of its queue."""
        self._shard("release", job_id, shard, owner=owner)

    def is_live(self, job_id: str) -> bool:
        """Whether work on the job is still wanted."""
        return bool(self._call("live", job=job_id))

    def record_votes(self, job_id: str, shard: Shard, fingerprint: str, votes: Sequence[int]) -> VoteReceipt:
        """Counts a shard's votes, one number for each label, once: whatever comes later or does not fit is refused."""
        why, due = self._shard(
            "record",
            job_id,
            shard,
            fingerprint=fingerprint,
            votes=_json([int(vote) for vote in votes]),
            seconds=self._settings.lease_seconds,
        )
        counted = why == "counted"
        return VoteReceipt(counted, bool(due), None if counted else why)

    def standing(self, job_id: str) -> Standing | None:
        """The job and all of its votes at one moment; None when there is no such job."""
        job, *phases = self._call("standing", job=job_id)
        if not job:
            return None
        stored = _pairs(job)
        selected = stored.get("selected")
        return Standing(
            record=_record(job_id, job),
            selected=None if selected is None else int(selected),
            selection_samples=int(stored.get("selection_samples", 0)),
            counted=_counted(phases),
        )

    def select(self, job_id: str, index: int, samples: int) -> int | None:
        """Stores the class that the first so many selection samples chose and enqueues the estimation shards; returns
        the class that was stored first.

        None when there is nothing to choose from: their votes are not complete, or the job is done.
        """
        chosen = self._call("select", job=job_id, index=index, samples=samples)
        return None if chosen is None else int(chosen)

    def finish(self, job_id: str, result: Voted) -> bool:
        """Ends a job with its result; False when it is done already, when votes are missing, or when the result was not
        made of the votes that are recorded.

        The votes are those of the first `deciding_samples` of the last phase. Shards of later samples are dropped.

        If the question has an outcome from another job, that one is the result. A result is stored as its outcome only
        when not one vote is missing: a repaired worker may answer better, with the same noise. Each is charged.
        """
        made_of = {"samples": result.deciding_samples, "votes": result.phase_counts, "index": result.index}
        place = {"job": job_id, **made_of}
        answer = self._call("finish", **place, result=result.model_dump_json(), is_stored=False)
        if answer[0] == "stored":
            record = self.get(job_id)
            if record is None:
                return False
            stored = stored_outcome(answer[1], record.vote_request)
            answer = self._call("finish", **place, result=stored.model_dump_json(), is_stored=True)
        return bool(answer[0] == "finished")

    def fail(self, job_id: str, error: JobError) -> bool:
        """Ends a job that is not done with an error."""
        return bool(self._call("fail", job=job_id, problem=error.model_dump_json()))

    def note_progress(self, job_id: str, shard: Shard, owner: str, stage: str, done: int) -> bool:
        """Says how far an adaptation is; False when its holder is to stop: it lost the lease, or the job is over."""
        return bool(self._shard("progress", job_id, shard, owner=owner, stage=stage, done=done))

    def complete(self, job_id: str, shard: Shard, owner: str, result: AdaptResult) -> bool:
        """Ends an adaptation with its result, for the worker that holds it."""
        return bool(self._shard("complete", job_id, shard, owner=owner, result=result.model_dump_json()))

    def note_attempt(self, job_id: str, step: str) -> int:
        """Counts a failed attempt at a step, such as a shard's key; returns their number, 0 for a job that is done."""
        return int(self._call("attempt", job=job_id, step=step))

    def reconcile(self, engine: str, pause: float = 1.0) -> list[str]:
        """Delivers lost shards of an engine again; returns its jobs whose next step the caller must take now.

        Overdue jobs are ended whatever their engine. Does nothing when a worker of the same engine did it less than
        `pause` seconds ago.
        """
        due: list[str] = self._call(
            "reconcile",
            engine=engine,
            queues=queue_names(engine),
            pause_milliseconds=max(1, int(pause * 1000)),
            seconds=self._settings.lease_seconds,
            lost_limit=LOST_LIMIT,
            lost_problem=WORKER_LOST.model_dump_json(),
        )
        return due

    def noise_check(self, engine: str, check: str) -> str:
        """What the first worker of an engine gave as the check of its noise key; `check` itself if nobody did
        before."""
        return str(self._call("noise", engine=engine, check=check))

    def drop_delivery(self, queue: str, name: str) -> None:
        """Forgets that an RQ job was popped."""
        self._call("drop", queue=queue, name=name)

    def bury_delivery(self, queue: str, name: str) -> None:
        """Puts an RQ job that must not be run among the dead letters."""
        self._call("bury", queue=queue, name=name)

    def _shard(
        self, command: str, job_id: str, shard: Shard, **arguments: object
    ) -> Any:  # Any: what the command answers.
        place = {"job": job_id, "phase": shard.phase, "first": shard.first, "count": shard.count}
        return self._call(command, **place, **arguments)

    def _submit(self, plan: Mapping[str, object]) -> list[Any]:  # Any: likewise.
        most = self._settings.max_questions_per_image or 0
        answer: list[Any] = self._call("submit", max_queued=self._settings.max_queued_jobs, max_questions=most, **plan)
        if answer[0] == "full":
            raise QueueFullError(f"{self._settings.max_queued_jobs} jobs are waiting: try again later")
        if answer[0] == "questions":
            raise TooManyQuestionsError(
                f"{most} questions were asked about this image, and this service answers no more: each is another "
                "chance of a false answer. Questions that were asked before are still answered"
            )
        return answer

    def _plan(self, request: JobRequest | AdaptRequest) -> dict[str, object]:
        document = request.model_dump_json()
        return {
            "job": new_job_id(),
            "request": document,
            "latest": text_digest(document),
            "queue": queue_name(request.kind, request.engine),
            "queue_seconds": self._settings.queue_seconds,
            "retention": self._settings.retention_seconds,
        }


def _json(document: object) -> str:
    return json.dumps(document, allow_nan=False)


def _pairs(answer: list[str]) -> dict[str, str]:
    return dict(zip(answer[::2], answer[1::2], strict=True))


def _record_if_any(job_id: str, answer: list[str]) -> JobRecord | None:
    return _record(job_id, answer) if answer else None


def _record(job_id: str, answer: list[str]) -> JobRecord:
    stored = _pairs(answer)
    values: dict[str, object] = {name: stored[name] for name in RECORD_FIELDS if name in stored}
    request = json.loads(stored["request"])
    if "result" in stored:
        values["result"] = read_result(JobKind(request["kind"]), stored["result"])
    if "error" in stored:
        values["error"] = json.loads(stored["error"])
    return JobRecord.model_validate({"id": job_id, "request": request, **values}, extra="ignore")


def _planned(phase: PlannedPhase, shard_samples: int) -> tuple[str, int, int, int, int, int]:
    """As the board's script has it."""
    cut = phase.cut(shard_samples)
    stride = cut.step if cut.stride is None else cut.stride
    return (phase.phase, phase.samples, cut.step, cut.head, stride, int(phase.looks is not None))


def _counted(answer: Sequence[Any]) -> Mapping[Phase, CountedPhase]:  # Any: likewise.
    """From phase, its cut and its hash one after the other."""
    return {
        Phase(phase): CountedPhase(
            _cut(*json.loads(cut)), {int(first): json.loads(votes) for first, votes in _pairs(shards).items()}
        )
        for phase, cut, shards in zip(answer[::3], answer[1::3], answer[2::3], strict=True)
    }


def _cut(step: int, head: int, stride: int) -> Looks:
    """As the board's script has it, whose stride is the step where there is no head."""
    return Looks(step, head, stride) if head else Looks(step)


def stored_outcome(text: str, request: JobRequest) -> Voted:
    """The outcome that the board holds, as the answer to this request."""
    outcome = read_result(request.kind, text)
    assert not isinstance(outcome, AdaptResult)
    return addressed(outcome, request)
