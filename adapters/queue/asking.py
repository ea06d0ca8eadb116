"""The board as the API has it: submitting, reading and letting go, each on behalf of an owner."""

import json
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.canonical_json import text_digest
from adapters.contract.access import KEYLESS, Caller
from adapters.contract.jobs import (
    AdaptRequest,
    AnyRequest,
    JobRecord,
    JobRequest,
    JobStatus,
    PlannedPhase,
    PreviewRequest,
)
from adapters.contract.labels import task_id
from adapters.contract.ledger import Ledger, ledger_entry
from adapters.contract.next_step import CountedPhase
from adapters.contract.preview import cost_of
from adapters.contract.records import JobKind
from adapters.contract.results import AnyVoted
from adapters.contract.usage import Limits, Usage
from adapters.queue.board_script import BoardScript
from adapters.queue.keys import KINDS, new_job_id, queue_name
from adapters.queue.reading import as_held, counted, pairs, planned, record_if_any, stored_outcome
from adapters.settings import Settings
from adapters.store.ledger import Charge, LedgerStore, Sums
from adapters.store.outcomes import OutcomeStore
from adapters.store.tensors import stored_bytes
from robustify.errors import (
    AllowanceError,
    QueueFullError,
    QueueUnavailableError,
    ReusedKeyError,
    TaskConflictError,
    TooManyQuestionsError,
)
from robustify.types import Phase

ADAPTATIONS_WAITING = 20
"""Each takes minutes or hours: more would expire before their turn."""
LATER_SECONDS = 5
"""When jobs of an owner's that wait may have begun."""
MUCH_LATER_SECONDS = 3600
"""When an owner's images may have come to the end of their time."""
REMOVAL_LOOK_SECONDS = 0.01
MOST_LOOKED_AT = 1000
"""Tickets that are looked at for one page of a list, which others wait for."""


@dataclass(frozen=True)
class Asked:
    """On whose behalf something is asked, and how.

    `idempotency_key`: what came under it before is not done again. `webhook`: who is told of the end. `trace`: what
    follows the job through the processes (a W3C traceparent); it decides nothing.
    """

    caller: Caller = field(default_factory=Caller)
    idempotency_key: str | None = None
    webhook: str | None = None
    trace: str | None = None


NOBODY_IN_PARTICULAR = Asked()

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Admission:
    """A job that is accepted. `needs_image`: it begins when its image is stored and `commit` says so. `is_replayed`: it
    came under its Idempotency-Key before."""

    record: JobRecord
    needs_image: bool = False
    is_replayed: bool = False


@dataclass(frozen=True)
class Listing:
    """A page of an owner's jobs. `last`: the ticket to go on after; with `has_more`, a page may have few jobs or none,
    since so many others were looked at."""

    records: tuple[JobRecord, ...]
    has_more: bool
    last: str


class Asking:
    """What the API does with jobs; ids are those of tickets, and nobody sees another's."""

    _call: BoardScript
    _settings: Settings
    _outcomes: OutcomeStore
    _ledger: LedgerStore

    def submit(self, request: JobRequest, shard_samples: int, asked: Asked = NOBODY_IN_PARTICULAR) -> JobRecord:
        """As `admit`, for an image that is stored already."""
        admission = self.admit(request, shard_samples, asked)
        while not self.commit(admission):
            time.sleep(REMOVAL_LOOK_SECONDS)
        return admission.record

    def admit(
        self,
        request: JobRequest,
        shard_samples: int,
        asked: Asked = NOBODY_IN_PARTICULAR,
        image_bytes: int | None = None,
    ) -> Admission:
        """The job of this request: the one that its owner has, a done one if its outcome is known, a hold on one of the
        same request that is under way, or a new one.

        `image_bytes`: what an image of the owner's counts as, by default what this one takes.
        A phase that may be settled early has a look after each of its shards; others are cut into `shard_samples`.
        Raises QueueFullError, AllowanceError, TooManyQuestionsError or ReusedKeyError where it is not accepted.
        """
        if shard_samples < 1 or any(phase.samples < 1 for phase in request.phases):
            raise ValueError("every phase and every shard needs at least one sample")
        copies = request.copies * sum(phase.samples for phase in request.phases)
        question = request.question.digest
        plan = self._plan(request, asked) | {
            "outcome": question,
            "image": request.image.sha256,
            "image_bytes": image_bytes or stored_bytes(request.image.height, request.image.width),
            "phases": _json([planned(phase, shard_samples) for phase in request.phases]),
            "samples_total": copies,
            "charge": copies,
            "copies": request.copies,
            "classes": sum(request.sizes),
            "set_sizes": list(request.sizes) if request.has_sets else [],
            "fingerprint": request.fingerprint,
            "task": owned_task(asked.caller.owner, request.task) if request.task else "",
            "ledger": ledger_entry(request.kind, request.alpha),
            "adapts": False,
        }
        stored = self._outcome_of(request, question, asked.caller.owner)
        return self._adopt(stored, plan) if stored else self._submit(plan, request)

    def commit(self, admission: Admission) -> bool:
        """The image is stored: the job may begin. Harmless where it has begun.

        False while somebody removes the image, who was told before that nobody wants it: it is to be stored again.
        """
        return not admission.needs_image or bool(self._call("commit", job=admission.record.job))

    def admit_adaptation(
        self, request: AdaptRequest, steps: int, samples: int = 0, asked: Asked = NOBODY_IN_PARTICULAR
    ) -> Admission:
        """The job that adapts a task, of so many steps that cost as much as so many samples: the one of the same
        request that is under way, or a new one; it needs no image.

        Raises TaskConflictError when another request adapts the same task now, and otherwise as `admit` does.
        """
        steps = max(1, steps)
        plan = self._plan(request, asked) | {
            "outcome": "",
            "image": "",
            "image_bytes": 0,
            "phases": _json([planned(PlannedPhase(Phase.ADAPT, steps), steps)]),
            "samples_total": steps,
            "charge": samples,
            "copies": 1,
            "classes": 0,
            "set_sizes": [],
            "fingerprint": "",
            "task": owned_task(request.owner, request.name),
            "ledger": "",
            "adapts": True,
            "max_queued": min(ADAPTATIONS_WAITING, self._settings.max_queued_jobs),
        }
        return self._submit(plan)

    def admit_preview(
        self, request: PreviewRequest, asked: Asked = NOBODY_IN_PARTICULAR, image_bytes: int | None = None
    ) -> Admission:
        """The job that makes a preview: the one of the same request that is under way, or a new one. It is no question:
        it counts against no limit on these, and has no outcome that is kept.

        `image_bytes` and what is raised are as those of `admit`.
        """
        samples = cost_of(request)
        plan = self._plan(request, asked) | {
            "outcome": "",
            "image": request.image.sha256,
            "image_bytes": image_bytes or stored_bytes(request.image.height, request.image.width),
            "phases": _json([planned(PlannedPhase(Phase.PREVIEW, samples), samples)]),
            "samples_total": samples,
            "charge": samples,
            "copies": 1,
            "classes": 0,
            "set_sizes": [],
            "fingerprint": "",
            "task": owned_task(asked.caller.owner, request.task) if request.task else "",
            "ledger": "",
            "adapts": False,
        }
        return self._submit(plan)

    def jobs_of_task(self, identifier: str, owner: str = KEYLESS) -> list[str]:
        """The jobs that are not done and answer with, or adapt, an owner's task, which its id names."""
        found: list[str] = self._call("jobs_of", task=f"{owner}/{identifier}")
        return found

    def held(self, ticket: str, owner: str) -> JobRecord | None:
        """A job as its owner sees it; None when there is none of that id, or it is another's."""
        answer = self._call("ticket", ticket=ticket, owner=owner)
        if not answer:
            return None
        record = as_held(answer)
        is_over = record.status is JobStatus.EXPIRED
        return self._answered_after_all(record) if is_over or lacks_image(record, answer[3]) else record

    def let_go(self, ticket: str, owner: str) -> JobRecord | None:
        """Ends a job for one owner, and altogether if nobody else waits for it; None as `held`.

        Workers notice it between two batches.
        """
        answer = self._call("let_go", ticket=ticket, owner=owner)
        return as_held(answer) if answer else None

    def erase(self, ticket: str, owner: str) -> bool:
        """Forgets a job for its owner, with its result and its outcome; False when there is none of that id."""
        answer = self._call("erase", ticket=ticket, owner=owner)
        if answer and answer[1]:
            self._outcomes.forget(owner, answer[0], answer[1])
        return bool(answer)

    def erase_image(self, image: str, owner: str) -> tuple[bool, bool]:
        """Forgets all jobs of an owner about an image, and what was answered, which outlives both. Says whether there
        was any of it, and whether nobody has the image any more."""
        was_owned, is_nobodys = self._call("erase_image", image=image, owner=owner)
        had_outcomes = self._outcomes.forget(owner, image)
        return bool(was_owned) or had_outcomes, bool(is_nobodys)

    def ahead(self, ticket: str, owner: str) -> int | None:
        """How many jobs of its queue begin before a job of an owner's that waits, if no others come; None once it has
        begun, or when there is none."""
        found = self._call("ahead", ticket=ticket, owner=owner)
        return None if found is None else int(found)

    def watched_votes(self, ticket: str, owner: str) -> CountedPhase | None:
        """The votes so far of the phase that decides, where they may be looked at before the end; else None.

        From here on the ledger counts the answer as given: who looks may cancel what does not please. Nothing is shown
        where that cannot be stored.
        """
        answer = self._call("watched", ticket=ticket, owner=owner)
        if not answer:
            return None
        job, what, is_first, owners, *votes = answer
        charge = Charge(what, tuple(owners), bool(is_first), watcher=owner)
        if charge.is_due and not self._note_watched(job, charge):
            return None
        return next(iter(counted(votes).values()))

    def listing(
        self,
        owner: str,
        limit: int,
        after: str = "",
        kind: JobKind | None = None,
        status: JobStatus | None = None,
        outcome: str = "",
    ) -> Listing | None:
        """A page of an owner's jobs, the latest first, or those before `after`, of one kind, one status and one outcome
        where they are given; None when it has no ticket `after`."""
        asked = {
            "owner": owner, "limit": limit, "after": after,
            "kind": kind or "", "status": status or "", "outcome": outcome,
        }  # fmt: skip
        answer = self._call("listing", most=MOST_LOOKED_AT, **asked)
        if answer is None:
            return None
        last, is_more, found = answer
        records = tuple(as_held(answer) for answer in found)
        is_full = bool(is_more) and len(records) == limit
        return Listing(records, bool(is_more), last=records[-1].id if records and (is_full or not is_more) else last)

    def usage(self, owner: str, days: int) -> Usage:
        """What an owner was charged on each of so many days, and what waits and is stored of it now."""
        images, *rest = self._call("usage", owner=owner, days=days, kinds=KINDS)
        waiting = dict(zip(KINDS, rest, strict=False))
        return Usage.of(images, waiting, [(int(day), pairs(fields)) for day, fields in rest[len(KINDS) :]])

    def cancel(self, job_id: str) -> JobRecord | None:
        """Ends a job, named by its own id, for everybody who holds it; None when there is none."""
        return record_if_any(job_id, self._call("cancel", job=job_id))

    def ledger(self, owner: str = KEYLESS) -> Ledger:
        """How many answers were given out, and with which chance of error: to one key, or to all for KEYLESS.

        A queue server that has forgotten it is told first what is stored.
        """
        is_known, entries = self._call("ledger", owner=owner)
        counts = Counter(whole(entries))
        return Ledger.of(counts if is_known else counts | Counter(self.agree_on_ledger().get(owner, {})))

    def agree_on_ledger(self) -> Sums:
        """Tells the queue server what is stored of the ledger, and returns it; the first time, what is stored begins
        with what the queue server counts."""
        if not self._ledger.is_begun:
            self._ledger.begin(self._counted)
        while self._ledger.add_up():  # As many as came, or they would become more and more.
            pass
        sums = self._ledger.sums()
        try:
            self._call("raise_ledger", sums=sums)
        except QueueUnavailableError as error:
            log.warning("the queue server cannot be told the ledger: %s", error)
        return sums

    def questions_about(self, image: str, owner: str = KEYLESS) -> int:
        """How many different questions an owner asked about a canonical tensor, which its sha256 names."""
        return int(self._call("questions", image=image, owner=owner))

    def _note_watched(self, job: str, charge: Charge) -> bool:
        try:
            self._ledger.note(job, charge)
        except OSError as error:
            log.warning("votes are not shown, since the ledger cannot be stored: %s", error)
            return False
        self._call("noted", job=job, owner=charge.watcher)
        return True

    def _counted(self) -> Sums:
        """What the queue server counts, of all owners."""
        sums = {KEYLESS: whole(self._call("ledger", owner=KEYLESS)[1])}
        place = "0"
        while True:
            place, found = self._call("ledgers", place=place)
            sums.update(zip(found[::2], map(whole, found[1::2]), strict=True))
            if place == "0":
                return sums

    def _submit(self, plan: Mapping[str, object], request: JobRequest | None = None) -> Admission:
        answer: list[Any] = self._call("submit", **plan)  # Any: what the script says, by its first word.
        if answer[0] == "stored" and request is not None:
            return self._adopt(stored_outcome(answer[1], request), plan)
        return self._admission(answer)

    def _outcome_of(self, request: JobRequest, question: str, owner: str) -> AnyVoted | None:
        """What the owner was answered to the same question. What a power cut may have left of a file is no answer, and
        makes room for one."""
        place = (owner, request.image.sha256, question)
        text = self._outcomes.get(*place)
        if text is None:
            return None
        try:
            return stored_outcome(text, request)
        except ValueError:
            log.warning("a stored outcome is damaged: its question is answered anew, with the same noise")
            self._outcomes.forget(*place)
            return None

    def _answered_after_all(self, record: JobRecord) -> JobRecord:
        """A job that expired or cannot begin, with the answer to its question that is stored, if one is.

        A queue server that took another's place may know that something was asked and no more, not even that it could
        begin. Who was answered by the other is answered so by this one.
        """
        request = record.request
        if not isinstance(request, JobRequest):
            return record
        result = self._outcome_of(request, request.question.digest, record.owner)
        if result is None:
            return record
        # As a job whose answer is known when it is asked for.
        times = {"started_at": record.created_at, "ended_at": record.created_at}
        answered = {"status": JobStatus.SUCCEEDED, "result": result, "samples_done": result.copies_used}
        return record.model_copy(update=times | answered)

    def _adopt(self, result: AnyVoted, plan: Mapping[str, object]) -> Admission:
        document = result.model_dump_json()
        return self._admission(self._call("adopt", result=document, samples_done=result.copies_used, **plan))

    def _admission(self, answer: list[Any]) -> Admission:  # Any: likewise.
        word, *rest = answer
        if word not in ("job", "again"):
            raise self._refusal(word, rest)
        record = as_held(rest)
        return Admission(record, lacks_image(record, rest[3]), is_replayed=word == "again")

    def _refusal(self, word: str, rest: list[Any]) -> Exception:  # Any: likewise.
        match word:
            case "full":
                return QueueFullError("as many jobs wait as may: try again later")
            case "owner-full":
                return AllowanceError("as many of your jobs wait as may: try again when some are done", LATER_SECONDS)
            case "quota":
                return AllowanceError(f"{rest[1]} samples are left of your quota today, which is too few", rest[0])
            case "bytes":
                return AllowanceError(
                    "as many bytes of images are stored for you as may be: delete some, or wait", MUCH_LATER_SECONDS
                )
            case "questions":
                return TooManyQuestionsError(
                    f"{self._settings.max_questions_per_image} questions were asked about this image, and this service "
                    "answers no more: each is another chance of a false answer. Questions that were asked before are "
                    "still answered"
                )
            case "other-request":
                return ReusedKeyError("another request came under this Idempotency-Key: take a new key for a new one")
            case "adapting":
                return TaskConflictError(f"job {rest[0]} adapts this task now: wait for it, or cancel it")
        raise ValueError(f"the board's script said {word!r}")

    def _plan(self, request: AnyRequest, asked: Asked) -> dict[str, object]:
        """What the script must know of every request."""
        document, settings, caller = request.model_dump_json(), self._settings, asked.caller
        limits = Limits.of(caller, settings)
        return {
            "job": new_job_id(),
            "owner": caller.owner,
            "request": document,
            "latest": text_digest(document),
            "kind": request.kind,
            "queue": queue_name(request.kind, request.engine),
            "queue_seconds": settings.queue_seconds,
            "retention": settings.retention_seconds,
            "outcome_seconds": settings.outcome_seconds,
            "max_queued": settings.max_queued_jobs,
            "max_queued_of_owner": limits.queued_jobs if caller.has_key else 0,
            "samples_per_day": limits.samples_per_day or 0,
            "stored_bytes": limits.stored_bytes or 0,
            "max_questions": settings.max_questions_per_image or 0,
            "once": text_digest(asked.idempotency_key) if asked.idempotency_key else "",
            "webhook": asked.webhook or "",
            "trace": asked.trace or "",
        }


def lacks_image(record: JobRecord, job: Sequence[str]) -> bool:
    """Whether a job, as the script answers it, waits for its image to be stored."""
    return record.status is JobStatus.QUEUED and "committed" not in pairs(job)


def owned_task(owner: str, name: str) -> str:
    """What the board calls a task, whose name means another one to another owner."""
    return f"{owner}/{task_id(name)}"


def whole(entries: Sequence[str]) -> dict[str, int]:
    """Counts, which come as names and numbers in turn."""
    return {name: int(number) for name, number in pairs(entries).items()}


def _json(document: object) -> str:
    return json.dumps(document, allow_nan=False)
