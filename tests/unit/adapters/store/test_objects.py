"""What every place keeps of its promises: a folder, an object store in memory, and a real S3 server."""

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from obstore.store import MemoryStore

from adapters.store import connecting, object_store
from adapters.store.object_store import REMOVED, RemoteObjects
from adapters.store.objects import Objects
from adapters.store.places import remote_objects
from robustify.errors import StoreUnavailableError

THREADS, ROUNDS = 4, 10


def names(objects: Objects, deep: bool = True) -> list[str]:
    return sorted(entry.name for entry in objects.entries(deep))


def in_parallel(call: Callable[[int], object], number: int) -> list[object]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(call, range(number)))


def test_object_when_it_is_created_twice(objects: Objects) -> None:
    """The first stands, and the second is told."""
    assert objects.read("a/b") is None
    assert [objects.create("a/b", content) for content in (b"first", b"second")] == [True, False]
    objects.make_durable("a/b")
    assert objects.read("a/b") == objects.read("a/b", again=True) == b"first"


def test_object_when_many_create_it_at_once(objects: Objects) -> None:
    """One of them does, and that is what stands."""
    made = in_parallel(lambda number: objects.create("name", b"%d" % number), 8)
    assert sum(map(bool, made)) == 1
    assert objects.read("name") == b"%d" % made.index(True)


def test_object_when_it_is_written(objects: Objects) -> None:
    """Whatever stood there is gone; an empty content is one."""
    for content in (b"one", b"", b"three"):
        objects.write("a/b", content)
        assert objects.read("a/b") == content
    assert names(objects) == ["a/b"]


def test_change_when_nobody_else_changes(objects: Objects) -> None:
    """It is made, and made only of the version that was read."""
    nothing = objects.versioned("task")
    assert (nothing.content, nothing.version) == (None, None)
    assert objects.replace("task", b"one", nothing.version)
    assert not objects.replace("task", b"other", nothing.version)
    one = objects.versioned("task")
    assert one.content == b"one"
    assert objects.replace("task", b"two", one.version)
    assert not objects.replace("task", b"other", one.version)
    assert objects.read("task") == b"two"


def test_change_when_many_change_at_once(objects: Objects) -> None:
    """None is lost."""

    def add(number: int) -> None:
        while True:
            found = objects.versioned("numbers")
            if objects.replace("numbers", (found.content or b"") + b"%d " % number, found.version):
                return

    in_parallel(add, THREADS * ROUNDS)
    numbers = sorted(map(int, (objects.read("numbers") or b"").split()))
    assert numbers == [*range(THREADS * ROUNDS)]


def test_removal_when_it_has_changed_meanwhile(objects: Objects) -> None:
    """It stays; as it was read, it goes, and can be made again."""
    objects.create("task", b"one")
    old = objects.versioned("task")
    objects.replace("task", b"two", old.version)
    assert not objects.replace("task", None, old.version)
    assert objects.replace("task", None, objects.versioned("task").version)
    assert (objects.read("task"), names(objects)) == (None, [])
    assert objects.create("task", b"three")
    assert objects.read("task") == b"three"


def test_removal_when_there_is_nothing(objects: Objects) -> None:
    """It does no harm."""
    objects.remove("a/b")
    assert objects.replace("a", None, None)
    objects.create("a/b", b"")
    for _ in range(2):
        objects.remove("a/b")
    assert names(objects) == []


def test_removal_and_making_at_once(objects: Objects) -> None:
    """Whoever has made it last finds it there: no removal takes what came after it."""

    def make_or_remove(number: int) -> None:
        if number % 2:
            objects.replace("task", None, objects.versioned("task").version)
        else:
            objects.create("task", b"%d" % number)

    in_parallel(make_or_remove, 20)
    objects.create("task", b"last")
    assert objects.read("task") is not None


def test_list_when_there_are_folders(objects: Objects) -> None:
    """All names below, or those without a slash; sizes and times are told; a name is no beginning of another."""
    before = time.time() - 2
    for name in ("one", "two/three", "two/four/five", "twofold"):
        objects.create(name, name.encode())
    assert names(objects) == ["one", "two/four/five", "two/three", "twofold"]
    assert names(objects, deep=False) == ["one", "twofold"]
    assert names(objects.below("two")) == ["four/five", "three"]
    assert names(objects.below("nowhere")) == names(objects.below("nowhere"), deep=False) == []
    (entry,) = (entry for entry in objects.entries() if entry.name == "one")
    assert entry.size == 3
    assert before < entry.modified_at < time.time() + 2


def test_check_when_all_is_well(objects: Objects) -> None:
    """It says nothing, and leaves nothing."""
    objects.check(b"x" * 1000, 0)
    objects.check_room(0)
    assert names(objects) == []


def test_mark_when_its_writer_died(remote: RemoteObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is marked as removed is nothing; who makes it anew waits for who may still delete it, and no longer."""
    monkeypatch.setattr(object_store, "REMOVAL_SECONDS", 0.2)
    remote.write("task", REMOVED + b"by nobody")
    assert remote.read("task") is None
    begun = time.monotonic()
    assert remote.create("task", b"new")
    assert time.monotonic() - begun >= 0.2
    assert remote.read("task") == b"new"


def test_mark_when_its_writer_deletes_it(remote: RemoteObjects) -> None:
    """Who waits goes on at once."""
    remote.write("task", REMOVED + b"by somebody")
    with ThreadPoolExecutor(1) as threads:
        made = threads.submit(remote.create, "task", b"new")
        time.sleep(0.1)
        remote.remove("task")
        assert made.result(5)


def test_change_when_the_answer_was_lost(remote: RemoteObjects) -> None:
    """The client tries again, and is refused: what it wanted stands there, and so it is done."""
    remote.create("task", b"one")
    old = remote.versioned("task")
    assert remote.replace("task", b"two", old.version)
    assert remote.replace("task", b"two", old.version)


def test_check_when_the_store_knows_no_conditions() -> None:
    """It is told: two who make the same would both believe that theirs stands."""

    class Careless(MemoryStore):
        def put(self, path, file, **options):
            return super().put(path, file)

    with pytest.raises(StoreUnavailableError, match="conditional writes"):
        RemoteObjects(Careless()).check(b"x", 0)


@pytest.mark.parametrize("call", ["read", "create", "write", "versioned", "replace", "remove", "entries", "check"])
def test_store_that_is_away(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """StoreUnavailableError, which is an OSError and names no address."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr(connecting, "RETRIES", 1)
    objects = remote_objects("s3://bucket/prefix?endpoint=http://127.0.0.1:9&region=eu-west-1")
    arguments = {"create": ("a", b"x"), "write": ("a", b"x"), "replace": ("a", b"x", None), "check": (b"x", 0)}
    act: Callable[[], object]
    if call == "entries":
        act = functools.partial(list, objects.entries())
    else:
        act = functools.partial(getattr(objects, call), *arguments.get(call, ("a",)))
    with pytest.raises(StoreUnavailableError, match="ROBUSTIFY_STORE") as caught:
        act()
    assert isinstance(caught.value, OSError)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.slow
def test_bucket_that_is_not_there(s3_url: str) -> None:
    """It is told of who would store something."""
    with pytest.raises(StoreUnavailableError, match="no such bucket"):
        remote_objects(s3_url.replace("bucket", "nowhere")).create("name", b"x")
