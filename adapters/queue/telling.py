"""The board as those have it who tell owners of the end of their jobs and batches (webhooks)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.canonical_json import text_digest
from adapters.contract.batch import BatchRecord
from adapters.contract.jobs import JobRecord
from adapters.queue.batching import as_batch
from adapters.queue.board_script import BoardScript
from adapters.queue.reading import as_held, pairs

MOST_AT_ONCE = 200
BATCH = "batch-"
"""What the name of a delivery begins with that is about a batch; others are tickets."""


@dataclass(frozen=True)
class Delivery:
    """Whom to tell of what: `name` is what the board calls it, `attempts` how often it was tried."""

    name: str
    about: JobRecord | BatchRecord
    webhook: str
    attempts: int

    @property
    def owner(self) -> str:
        return self.about.owner


class Telling:
    """What is done with deliveries, whoever's they are."""

    _call: BoardScript

    def take_deliveries(self, seconds: float) -> list[str]:
        """The names of what is due; nobody else is given them for so long."""
        found: list[str] = self._call("take_deliveries", limit=MOST_AT_ONCE, seconds=seconds)
        return found

    def delivery(self, name: str) -> Delivery | None:
        """None when what it is about is forgotten."""
        if name.startswith(BATCH):
            return self._batch_delivery(name)
        answer = self._call("delivery", ticket=name)
        return _delivery(name, as_held(answer), answer) if answer else None

    def note_delivery(self, name: str, what: str, seconds: float | None) -> None:
        """What became of telling: the next attempt is due in so many seconds, or none is."""
        self._call("note_delivery", name=name, what=what, seconds=-1 if seconds is None else seconds)

    def postpone_delivery(self, name: str, seconds: float) -> None:
        """Nothing was tried."""
        self._call("postpone_delivery", name=name, seconds=seconds)

    def note_gone(self, owner: str, webhook: str, seconds: int) -> None:
        """An address wants to be told nothing more of an owner's, for so long."""
        self._call("note_gone", owner=owner, digest=text_digest(webhook), seconds=seconds)

    def is_gone(self, owner: str, webhook: str) -> bool:
        return bool(self._call("is_gone", owner=owner, digest=text_digest(webhook)))

    def _batch_delivery(self, name: str) -> Delivery | None:
        answer = self._call("batch_delivery", batch=name.removeprefix(BATCH))
        return _delivery(name, as_batch(answer), answer) if answer else None


def _delivery(name: str, about: JobRecord | BatchRecord, answer: Sequence[Any]) -> Delivery:  # Any: as of the board.
    fields = pairs(answer[1])
    return Delivery(name, about, fields.get("webhook", ""), int(fields.get("deliveries", 0)))
