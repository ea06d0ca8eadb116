"""The board as the API has it for many images at once: batches, each on behalf of an owner."""

import json
from collections.abc import Sequence
from typing import Any

from adapters.canonical_json import text_digest
from adapters.contract.batch import BatchEntry, BatchRecord, status_of
from adapters.contract.records import VoteKind
from adapters.contract.usage import Limits
from adapters.queue.asking import LATER_SECONDS, Asked
from adapters.queue.board_script import BoardScript
from adapters.queue.keys import new_job_id, queue_name
from adapters.queue.reading import pairs
from adapters.settings import Settings
from robustify.errors import AllowanceError, QueueFullError, ReusedKeyError

BATCH_FIELDS = ("owner", "kind", "created_at", "ended_at")


class Batching:
    """What the API does with batches; nobody sees another's."""

    _call: BoardScript
    _settings: Settings

    def check_room(self, kind: VoteKind, engine: str, jobs: int, samples: int, asked: Asked) -> None:
        """Whether so many more jobs of an engine may wait now, of so many samples together.

        Nothing is reserved: what others take meanwhile is missing. Raises QueueFullError or AllowanceError.
        """
        caller, settings = asked.caller, self._settings
        limits = Limits.of(caller, settings)
        answer = self._call(
            "batch_room",
            kind=kind,
            queue=queue_name(kind, engine),
            owner=caller.owner,
            jobs=jobs,
            charge=samples,
            max_queued=settings.max_queued_jobs,
            max_queued_of_owner=limits.queued_jobs if caller.has_key else 0,
            samples_per_day=limits.samples_per_day or 0,
        )
        if answer[0] != "room":
            raise _refusal(answer, jobs, samples)

    def batch_before(self, digest: str, asked: Asked) -> BatchRecord | None:
        """The batch that came under the same Idempotency-Key, if one did. `digest` is that of all that is asked.

        Raises ReusedKeyError where the key belongs to another request.
        """
        return self._replayed(self._call("batch_before", **_once(digest, asked)), asked.caller.owner)

    def add_batch(
        self, kind: VoteKind, entries: Sequence[BatchEntry], digest: str, asked: Asked
    ) -> tuple[BatchRecord, bool]:
        """A batch of what was taken and refused; and whether it was there already, under the same Idempotency-Key."""
        answer = self._call(
            "add_batch",
            **_once(digest, asked),
            batch=new_job_id(),
            kind=kind,
            webhook=asked.webhook or "",
            retention=self._settings.retention_seconds,
            entries=json.dumps([entry.model_dump(exclude_none=True) for entry in entries]),
            tickets=json.dumps([entry.ticket or "" for entry in entries]),
        )
        if answer[0] != "batch":
            found = self._replayed(answer, asked.caller.owner)
        else:
            found = self.batch(answer[1], asked.caller.owner)
        assert found is not None
        return found, answer[0] == "again"

    def batch(self, batch: str, owner: str) -> BatchRecord | None:
        """A batch as its owner sees it; None when there is none of that id, or it is another's."""
        answer = self._call("batch", batch=batch, owner=owner)
        return as_batch(answer) if answer else None

    def let_go_batch(self, batch: str, owner: str) -> BatchRecord | None:
        """Ends all jobs of a batch for its owner, as `let_go` does; None as `batch`."""
        answer = self._call("let_go_batch", batch=batch, owner=owner)
        return as_batch(answer) if answer else None

    def batches_of(self, owner: str, limit: int, after: str = "") -> list[str]:
        """The latest batches of an owner, or those before `after`."""
        found: list[str] = self._call("batches", owner=owner, limit=limit, after=after)
        return found

    def _replayed(self, answer: list[Any], owner: str) -> BatchRecord | None:  # Any: what the script says.
        if answer[0] == "other-request":
            raise ReusedKeyError("another request came under this Idempotency-Key: take a new key for a new one")
        return self.batch(answer[1], owner) if answer[0] == "again" else None


def as_batch(answer: Sequence[Any]) -> BatchRecord:  # Any: an id, a hash, and a list.
    batch, stored, statuses = answer
    fields = pairs(stored)
    entries = [BatchEntry.model_validate(entry) for entry in json.loads(fields["entries"])]
    values: dict[str, object] = {name: fields[name] for name in BATCH_FIELDS if name in fields}
    found = tuple(status_of(entry, status) for entry, status in zip(entries, statuses, strict=True))
    return BatchRecord.model_validate({"id": batch, "entries": entries, "statuses": found, **values})


def _once(digest: str, asked: Asked) -> dict[str, str]:
    key = asked.idempotency_key
    return {"owner": asked.caller.owner, "latest": digest, "once": text_digest(key) if key else ""}


def _refusal(answer: list[Any], jobs: int, samples: int) -> Exception:  # Any: likewise.
    match answer:
        case ["full"]:
            return QueueFullError("as many jobs wait as may: try again later")
        case ["batches", most]:
            return AllowanceError(f"{most} of your batches are under way: wait until one is done", LATER_SECONDS)
        case ["owner-full", most]:
            return AllowanceError(
                f"the batch has {jobs} images, and {most} of your jobs may wait at once: send fewer, or wait for those "
                "that do",
                LATER_SECONDS,
            )
        case ["quota", seconds, left]:
            return AllowanceError(
                f"the batch takes up to {samples} samples, and {left} are left of your quota today: send fewer images",
                seconds,
            )
    raise ValueError(f"the board's script said {answer!r}")
