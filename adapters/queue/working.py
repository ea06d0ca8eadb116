"""The board as workers have it: leases, votes, the next step; ids are those of jobs."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adapters.contract.jobs import JobError, JobRecord, Shard, WorkerRecord
from adapters.contract.next_step import Choice, Standing
from adapters.contract.results import AdaptResult, AnyVoted, PreviewResult
from adapters.queue.board_script import BoardScript
from adapters.queue.keys import ENGINE_LETTERS, queue_names
from adapters.queue.known import KnownJobs
from adapters.queue.reading import as_leased, choice_of, record_if_any, standing_of, stored_choice, stored_outcome
from adapters.settings import Settings
from adapters.store.ledger import Charge, LedgerStore
from adapters.store.outcomes import OutcomeStore
from robustify.errors import StoreUnavailableError

LOST_LIMIT = 10
"""A shard that was delivered and lost so often is taken to be what kills its workers."""
WORKER_LOST = JobError(
    type="worker-lost",
    title="Workers were lost",
    detail="Worker after worker vanished during this job, probably for lack of memory: tell the operator.",
)


@dataclass(frozen=True)
class VoteReceipt:
    """What became of a shard's votes. `counted`: they are in now; `is_due`: somebody must see to the job's next step,
    since these were the last votes of their phase, or may settle the answer.

    `refusal` tells why they were not counted: not-live, other-phase, not-planned, duplicate, no-votes (of a job
    that counts none), other-fingerprint or impossible-votes. `standing` is how the job stands then, if it is due.
    """

    counted: bool
    is_due: bool
    refusal: str | None = None
    standing: Standing | None = None


class Working:
    """What workers do with jobs."""

    _call: BoardScript
    _known: KnownJobs
    _settings: Settings
    _outcomes: OutcomeStore
    _ledger: LedgerStore

    def get(self, job_id: str) -> JobRecord | None:
        return record_if_any(job_id, self._call("get", job=job_id))

    def lease(self, job_id: str, shard: Shard, owner: str, engine: str = "") -> JobRecord | None:
        """Gives a shard to a worker for `lease_seconds`, begins the job, and tells it; None if the shard is not wanted,
        another's, or of another engine than the one that is given."""
        known, settings = self._known.get(job_id), self._settings
        lease = {"owner": owner, "seconds": settings.lease_seconds, "engine": engine[:ENGINE_LETTERS]}
        answer = self._shard("lease", job_id, shard, **lease, knows=known is not None)
        if known is not None and answer and answer[0] == "known":
            return as_leased(known, *answer[1])
        record = record_if_any(job_id, answer)
        if record is not None:
            self._known.keep(record)
        return record

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
        """Counts a shard's votes, one number for each label of each set, once: whatever comes later or does not fit is
        refused."""
        why, due, *standing = self._shard(
            "record",
            job_id,
            shard,
            fingerprint=fingerprint,
            votes=_json([int(vote) for vote in votes]),
            seconds=self._settings.lease_seconds,
        )
        is_counted = why == "counted"
        found = standing_of(job_id, standing[0]) if standing else None
        return VoteReceipt(is_counted, bool(due), None if is_counted else why, found)

    def standing(self, job_id: str) -> Standing | None:
        """The job and all of its votes at one moment; None when there is no such job."""
        return standing_of(job_id, self._call("standing", job=job_id))

    def select(self, job_id: str, index: Choice, samples: int) -> Choice | None:
        """Stores what the first so many selection samples chose and enqueues the estimation shards; returns what was
        stored first.

        None when there is nothing to choose from: their votes are not complete, or the job is done.
        """
        chosen = self._call("select", job=job_id, chosen=stored_choice(index), samples=samples)
        return None if chosen is None else choice_of(chosen)

    def finish(self, job_id: str, result: AnyVoted) -> bool:
        """Ends a job with its result; False when it is done already, when votes are missing, or when the result was not
        made of the votes that are recorded.

        1. `settle`: the votes of the first `deciding_samples` of the last phase are those that the result was made of;
           none that counts can change any more, and shards of later samples are dropped.
        2. If the question has an outcome from another job of the same owner, that one is the result.
        3. `publish`: the outcome is stored for each owner, with its entry in the ledger; then the result can be read.
           Raises StoreUnavailableError where it cannot be stored: the step stays due, and nobody reads it.

        A result is stored as the outcome of its question only when not one vote is missing: a repaired worker may
        answer better, with the same noise. Each is charged.
        """
        made_of = {"samples": result.deciding_samples, "votes": result.phase_counts, "chosen": result.chosen}
        place = {"job": job_id, "seconds": self._settings.lease_seconds, **made_of}
        answer = self._call("settle", **place, result=result.model_dump_json(), is_stored=False)
        if answer[0] == "stored":
            record = self.get(job_id)
            if record is None:
                return False
            stored = stored_outcome(answer[1], record.vote_request)
            answer = self._call("settle", **place, result=stored.model_dump_json(), is_stored=True)
        return self._publish(job_id, answer)

    def publish(self, job_id: str) -> bool:
        """Step 3 of `finish` alone, for a job whose worker died before it."""
        return self._publish(job_id, self._call("settled", job=job_id))

    def fail(self, job_id: str, error: JobError) -> bool:
        """Ends a job that is not done with an error."""
        return bool(self._call("fail", job=job_id, problem=error.model_dump_json()))

    def note_progress(self, job_id: str, shard: Shard, owner: str, stage: str, done: int) -> bool:
        """Says how far an adaptation or a preview is; False when its holder is to stop: it lost the lease, or the job
        is over."""
        return bool(self._shard("progress", job_id, shard, owner=owner, stage=stage, done=done))

    def complete(self, job_id: str, shard: Shard, owner: str, result: AdaptResult | PreviewResult) -> bool:
        """Ends an adaptation or a preview with its result, for the worker that holds it."""
        document = result.model_dump_json()
        return bool(self._shard("complete", job_id, shard, owner=owner, result=document, ended_as=result.outcome))

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

    def register(self, worker: WorkerRecord, ttl: float) -> None:
        """Shows a worker for `ttl` seconds; 0 takes it off."""
        self._call("register", name=worker.name, record=worker.model_dump_json(), seconds=ttl)

    def drop_delivery(self, queue: str, name: str) -> None:
        """Forgets that an RQ job was popped."""
        self._call("drop", queue=queue, name=name)

    def bury_delivery(self, queue: str, name: str) -> None:
        """Puts an RQ job that must not be run among the dead letters."""
        self._call("bury", queue=queue, name=name)

    def _publish(self, job_id: str, answer: list[Any]) -> bool:  # Any: what the script says, by its first word.
        if answer[0] != "settled":
            return False
        _, text, is_outcome, image, question, owners, what, is_first, unnoted = answer
        charge = Charge(what, tuple(unnoted), bool(is_first))
        # Both at once, since each waits for the disk or the network.
        with unwritable_as_unavailable(), ThreadPoolExecutor(1) as thread:
            noted = thread.submit(self._ledger.note, job_id, charge) if charge.is_due else None
            if is_outcome and image:
                text = self._kept(job_id, text, image, question, owners)
            if noted is not None:
                noted.result()
        ended_as = json.loads(text)["outcome"]
        is_ended, gone = self._call("publish", job=job_id, ended_as=ended_as, result=text, owners=owners)
        if is_outcome and image:
            for owner in gone:
                self._outcomes.forget(owner, image, question)
        return bool(is_ended)

    def _kept(self, job_id: str, outcome: str, image: str, question: str, owners: Sequence[str]) -> str:
        """Stores an outcome for each owner, and returns the result of the job: what was answered first stands.

        There may be such an answer that the queue server has forgotten.
        """
        for owner in owners:
            standing = self._outcomes.keep(owner, image, question, outcome)
            if standing != outcome:
                outcome = self._as_answered_before(job_id, standing) or self._outcomes.renew(
                    owner, image, question, outcome
                )
        return outcome

    def _as_answered_before(self, job_id: str, standing: str) -> str | None:
        """None where what stands is damaged, and no answer."""
        record = self.get(job_id)
        try:
            return None if record is None else stored_outcome(standing, record.vote_request).model_dump_json()
        except ValueError:
            return None

    def _shard(
        self, command: str, job_id: str, shard: Shard, **arguments: object
    ) -> Any:  # Any: what the command answers.
        place = {"job": job_id, "phase": shard.phase, "first": shard.first, "count": shard.count}
        return self._call(command, **place, **arguments)


def _json(document: object) -> str:
    return json.dumps(document, allow_nan=False)


@contextmanager
def unwritable_as_unavailable() -> Iterator[None]:
    """What cannot be stored now is tried again later, whatever the store is."""
    try:
        yield
    except StoreUnavailableError:
        raise
    except OSError as error:
        raise StoreUnavailableError(f"an answer cannot be stored, and is not given: {error.strerror}") from error
