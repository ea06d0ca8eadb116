"""What is stored, in an object store: S3 and what speaks its protocol, Google Cloud Storage, Azure.

1. What is made once is put with If-None-Match, what changes with If-Match, so that no lock is needed.
2. obstore tries again, with pauses that grow and differ; what fails all the same is a `StoreUnavailableError`.
3. An object store deletes without a condition. What is to go only if it is still of a version is replaced first, under
   that condition, by a mark that says so, and then deleted; whoever finds the mark waits until it is gone. Where it
   stays, since its writer died, it counts as nothing after a while.
"""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from obstore import exceptions

from adapters.store.disk_cache import DiskCache
from adapters.store.objects import Entry, Versioned
from robustify.errors import RobustifyError, StoreUnavailableError

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, UpdateVersion
    from obstore.store import ObjectStore

REMOVED = b"robustify: removed "
REMOVAL_SECONDS = 20.0
"""Nobody deletes what he has marked later than this."""
DELETING_SECONDS = 5.0
LOOK_SECONDS = 0.05
TRIES = 100
ALL_AT_ONCE = 1000
"""Names in one answer of a list."""
CHECK_SECONDS = 10.0
"""A store that was found well is taken to be so for so long."""
PART_BYTES = 16 << 20
PROBE = ".probe"


class RemoteObjects:
    """The names that begin with a prefix in one bucket. `cache`: for what never changes under its name."""

    def __init__(self, store: "ObjectStore", prefix: str = "", cache: DiskCache | None = None) -> None:
        self._store, self._prefix, self._cache = store, prefix, cache
        self._well_until = float("-inf")

    def below(self, name: str, cache: DiskCache | None = None) -> "RemoteObjects":
        return RemoteObjects(self._store, f"{self._prefix}{name}/", cache)

    def read(self, name: str, again: bool = False) -> bytes | None:
        if self._cache is None:
            return self._read(name)
        copy = name.replace("/", "-")
        if again:
            self._cache.drop(copy)
        elif (content := self._cache.read(copy)) is not None:
            return content
        if (content := self._read(name)) is not None:
            self._cache.write(copy, content)
        return content

    def create(self, name: str, content: bytes) -> bool:
        """A mark of something removed is nothing."""
        found = Versioned(None, None)
        for _ in range(TRIES):
            if self.replace(name, content, found.version):
                return True
            found = self.versioned(name)
            if found.content is not None:
                return False
        raise StoreUnavailableError("others store and remove the same again and again: try again later")

    def make_durable(self, name: str) -> None:
        """It is, since it was answered."""

    def write(self, name: str, content: bytes) -> None:
        with failures():
            self._store.put(self._path(name), content)

    def versioned(self, name: str) -> Versioned:
        found = self._get(name)
        return self._once_it_is_gone(name, found) if is_mark(found.content) else found

    def replace(self, name: str, content: bytes | None, version: str | None) -> bool:
        if content is not None:
            return self._put(name, content, version)
        if version is None:
            return self._get(name).content is None
        begun = time.monotonic()
        if not self._put(name, REMOVED + secrets.token_hex(16).encode(), version):
            return False
        if time.monotonic() - begun < DELETING_SECONDS:
            self.remove(name)
        return True

    def remove(self, name: str) -> None:
        with failures():
            try:
                self._store.delete(self._path(name))
            except FileNotFoundError:
                pass

    def entries(self, deep: bool = True) -> Iterator[Entry]:
        prefix = self._prefix.rstrip("/") or None
        with failures():
            if not deep:
                yield from map(self._entry, self._store.list_with_delimiter(prefix)["objects"])
                return
            for chunk in self._store.list(prefix, chunk_size=ALL_AT_ONCE):
                yield from map(self._entry, chunk)

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def check(self, probe: bytes, min_free_bytes: int) -> None:
        """That it takes what is stored, and refuses to take it twice: not all that speak S3 know conditions."""
        if time.monotonic() < self._well_until:
            return
        name = f"{PROBE}-{secrets.token_hex(8)}"
        try:
            is_new, is_again = self.create(name, probe), self.create(name, probe)
        finally:
            self.remove(name)
        if not is_new or is_again:
            raise StoreUnavailableError("the store takes the same object twice: it needs conditional writes")
        self._well_until = time.monotonic() + CHECK_SECONDS

    def check_room(self, min_free_bytes: int) -> None:
        """It has room."""

    def _path(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _entry(self, found: "ObjectMeta") -> Entry:
        return Entry(found["path"].removeprefix(self._prefix), found["size"], found["last_modified"].timestamp())

    def _read(self, name: str) -> bytes | None:
        content = self._get(name).content
        return None if is_mark(content) else content

    def _get(self, name: str) -> Versioned:
        with failures():
            try:
                found = self._store.get(self._path(name))
                version, size = version_of(found.meta), found.meta["size"]
                return Versioned(self._in_parts(name, size) if size > PART_BYTES else bytes(found.bytes()), version)
            except FileNotFoundError:
                return Versioned(None, None)

    def _in_parts(self, name: str, size: int) -> bytes:
        """What takes longer than one answer may."""
        starts = range(0, size, PART_BYTES)
        parts = self._store.get_ranges(self._path(name), starts=[*starts], lengths=[PART_BYTES] * len(starts))
        return b"".join(map(bytes, parts))

    def _put(self, name: str, content: bytes, version: str | None) -> bool:
        mode: PutMode = "create" if version is None else update_of(version)
        with failures():
            try:
                self._store.put(self._path(name), content, mode=mode)
            except FileNotFoundError as error:
                if version is None:
                    raise StoreUnavailableError("there is no such bucket: make it, or check ROBUSTIFY_STORE") from error
                return False
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                # An answer may have been lost, and what was asked for be done: the try after it was refused.
                return version is not None and self._get(name).content == content
        return True

    def _once_it_is_gone(self, name: str, mark: Versioned) -> Versioned:
        deadline = time.monotonic() + REMOVAL_SECONDS
        found = mark
        while found == mark and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            found = self._get(name)
        return Versioned(None, found.version) if is_mark(found.content) else found


def version_of(meta: "ObjectMeta") -> str:
    """By which the store tells it from what stood there before: S3 and Azure by an ETag, GCS by a generation."""
    return json.dumps([meta["e_tag"], meta["version"]])


def update_of(version: str) -> "UpdateVersion":
    e_tag, generation = json.loads(version)
    update: UpdateVersion = {"e_tag": e_tag}
    if generation is not None:
        update["version"] = generation
    return update


def is_mark(content: bytes | None) -> bool:
    return content is not None and content.startswith(REMOVED)


@contextmanager
def failures() -> Iterator[None]:
    """Turns what the client says into StoreUnavailableError, whose message says what to do; for logs only."""
    try:
        yield
    except StoreUnavailableError:
        raise
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise StoreUnavailableError("the store does not accept the credentials: give it others") from error
    except exceptions.NotSupportedError as error:
        raise RobustifyError("this store has no conditional writes: use S3, GCS, Azure, or a folder") from error
    except (exceptions.BaseError, OSError) as error:
        raise StoreUnavailableError("the store does not answer: start it, or check ROBUSTIFY_STORE") from error
