"""The ledger as it is stored: an entry for each answer before anybody reads it, and the sums that they are added up to.

The queue server counts too, and may forget. 1. An entry is created under the id of its job: once, however often it is
tried; one more for each owner who saw its votes before. 2. Adding up replaces the sums, with the names of entries that
are in them, if nobody else has done so meanwhile; then it removes these entries. Whoever dies in between leaves entries
that are known to be counted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from adapters.contract.access import KEYLESS
from adapters.contract.records import Record
from adapters.store.objects import Objects
from robustify.errors import StoreUnavailableError

SUMS = "sums.json"
ENTRIES = "entries"
WITHOUT_KEY = "keyless"
MOST_AT_ONCE = 1000
"""Entries that are added up in one step."""
THREADS = 16
"""An object store answers as many requests at once as it is asked, each after a while."""

Sums = Mapping[str, Mapping[str, int]]
"""Owner, or KEYLESS for all together, to what was given out (`ledger_entry`) to how often."""


@dataclass(frozen=True)
class Charge:
    """What the ledger is to note of a job: under what, for whom, and whether nobody was charged for it before.

    `watcher`: the owner whom votes are shown before the answer; None for the answer itself. Each has its own entry.
    """

    what: str
    owners: tuple[str, ...]
    is_first: bool
    watcher: str | None = None

    @property
    def is_due(self) -> bool:
        return bool(self.what) and (self.is_first or any(owner != KEYLESS for owner in self.owners))


class StoredEntry(Record):
    """One answer: what it is charged as, and the keys that were given it. `is_first`: all together are charged too."""

    what: str
    owners: tuple[str, ...]
    is_first: bool = True


class StoredSums(Record):
    """`added`: the entries that are in the sums, some of which may still be there."""

    sums: dict[str, dict[str, int]] = {}
    added: tuple[str, ...] = ()


class LedgerStore:
    """Every method may be called from several processes at once, and raises OSError where it cannot do it."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._entries = objects.below(ENTRIES)

    def note(self, job: str, charge: Charge) -> None:
        """Stores for good that an answer is given out, or that its votes are shown before it."""
        name = job if charge.watcher is None else f"{job}.{charge.watcher or WITHOUT_KEY}"
        owners = tuple(owner for owner in charge.owners if owner != KEYLESS)
        entry = StoredEntry(what=charge.what, owners=owners, is_first=charge.is_first)
        self._entries.create(name, entry.model_dump_json().encode())
        with suppress(FileNotFoundError):  # It is added up already, and the sums are stored for good.
            self._entries.make_durable(name)

    @property
    def is_begun(self) -> bool:
        return self._objects.read(SUMS) is not None

    def begin(self, counted: Callable[[], Sums]) -> None:
        """From what was counted before there was such a ledger; what is there stays.

        It is asked after the entries are read: what comes in between is counted twice, rather than never.
        """
        noted = self._counts(self._names())
        sums = {
            owner: {what: max(0, number - noted.get(owner, {}).get(what, 0)) for what, number in counts.items()}
            for owner, counts in counted().items()
        }
        self._objects.create(SUMS, StoredSums(sums=sums).model_dump_json().encode())
        self._objects.make_durable(SUMS)

    def sums(self) -> Sums:
        """All that was given out."""
        stored, _ = self._stored()
        counted = set(stored.added)
        return added(stored.sums, self._counts(name for name in self._names() if name not in counted))

    def add_up(self) -> bool:
        """Makes one of many entries, some at a time; whether there may be more. Does nothing where another process has
        just done it, or nobody has begun."""
        stored, version = self._stored()
        if version is None:
            return False
        self._remove(stored.added)
        names = list(islice(self._names(), MOST_AT_ONCE))
        sums = added(stored.sums, self._counts(names))
        following = StoredSums(sums={owner: dict(counts) for owner, counts in sums.items()}, added=tuple(names))
        if not names or not self._objects.replace(SUMS, following.model_dump_json().encode(), version):
            return False
        self._remove(names)
        return len(names) == MOST_AT_ONCE

    def _stored(self) -> tuple[StoredSums, str | None]:
        found = self._objects.versioned(SUMS)
        try:
            stored = StoredSums() if found.content is None else StoredSums.model_validate_json(found.content)
        except ValidationError as error:
            raise StoreUnavailableError("the sums of the ledger are damaged: restore ledger/sums.json") from error
        return stored, found.version

    def _names(self) -> Iterable[str]:
        return (entry.name for entry in self._entries.entries(deep=False))

    def _counts(self, names: Iterable[str]) -> Sums:
        counts: dict[str, Counter[str]] = {}
        with ThreadPoolExecutor(THREADS) as threads:
            for content in filter(None, threads.map(self._entries.read, names)):
                entry = StoredEntry.model_validate_json(content)
                for owner in ((KEYLESS,) if entry.is_first else ()) + entry.owners:
                    counts.setdefault(owner, Counter())[entry.what] += 1
        return counts

    def _remove(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(self._entries.remove, names))


def added(one: Sums, other: Sums) -> Sums:
    """Both together."""
    return {owner: dict(Counter(one.get(owner, {})) + Counter(other.get(owner, {}))) for owner in {**one, **other}}
