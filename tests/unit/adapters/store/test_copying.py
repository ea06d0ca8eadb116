"""From one store to another: everything, compared, and gone on with."""

from pathlib import Path

import numpy as np
import pytest
from obstore.store import MemoryStore

from adapters.store.copying import Copied, copied
from adapters.store.folder import Folder
from adapters.store.ledger import Charge
from adapters.store.object_store import RemoteObjects
from adapters.store.objects import Objects
from adapters.store.places import places_in
from adapters.store.tensors import tensor_digest
from robustify.errors import RobustifyError
from robustify.types import Task

IMAGE = np.zeros((3, 4, 4), np.float32)


@pytest.fixture
def source(tmp_path: Path) -> Objects:
    """A state folder with something of each kind, and what is no part of what is stored."""
    places = places_in(tmp_path / "state")
    places.images.put(IMAGE)
    places.outcomes.keep("ann", "1a" * 32, "2b" * 32, "text")
    places.tasks_of("ann").publish("pets", Task(("cat", "dog")), "job", 0.0)
    places.ledger.note("job", Charge("certify:0.001", ("",), is_first=True))
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "lora.safetensors").write_bytes(b"tensors")
    places.adaptations.add(tmp_path / "made", "a" * 64, {})
    (tmp_path / "state" / "noise_key").write_bytes(b"secret")
    (tmp_path / "state" / "images" / "1a").mkdir()
    (tmp_path / "state" / "images" / "1a" / ".partial-x").write_bytes(b"left over")
    return Folder(tmp_path / "state")


@pytest.fixture
def target() -> Objects:
    return RemoteObjects(MemoryStore())


def stored(objects: Objects) -> dict[str, bytes]:
    return {entry.name: objects.read(entry.name) or b"" for entry in objects.entries()}


def test_copy_when_the_target_is_empty(source: Objects, target: Objects) -> None:
    """All of it, what others mention first, and no key."""
    found = list(copied(source, target))
    assert {thing.what for thing in found} == {Copied.COPIED}
    kinds = [thing.name.partition("/")[0] for thing in found]
    assert kinds == ["adaptations", "adaptations", "images", "outcomes", "ledger", "tasks"]
    assert found[1].name.endswith("manifest.json")
    assert stored(target) == {name: content for name, content in stored(source).items() if name != "noise_key"}


def test_copy_when_it_was_stopped(source: Objects, target: Objects) -> None:
    """It goes on: what is there already is compared and left."""
    begun = copied(source, target)
    for _ in range(3):
        next(begun)
    again = [thing.what for thing in copied(source, target)]
    assert again == [Copied.THERE] * 3 + [Copied.COPIED] * 3


def test_copy_when_the_target_has_something_else(source: Objects, target: Objects) -> None:
    """It stays and is named, unless it is to be replaced."""
    list(copied(source, target))
    (name,) = (entry.name for entry in target.below("tasks").entries())
    target.write(f"tasks/{name}", b"a later version")
    found = {thing.name: thing.what for thing in copied(source, target)}
    assert found[f"tasks/{name}"] is Copied.OTHER
    assert target.read(f"tasks/{name}") == b"a later version"
    list(copied(source, target, replaces=True))
    assert target.read(f"tasks/{name}") == source.read(f"tasks/{name}")


def test_copy_when_an_image_is_damaged(source: Objects, target: Objects) -> None:
    """It is named and left out; one that is damaged at the target is replaced."""
    sha256 = tensor_digest(IMAGE)
    name = f"images/{sha256[:2]}/{sha256}"
    target.write(name, b"damaged")
    assert {thing.name: thing.what for thing in copied(source, target)}[name] is Copied.COPIED
    source.write(name, b"damaged")
    assert {thing.name: thing.what for thing in copied(source, target)}[name] is Copied.DAMAGED


def test_copy_when_something_comes_back_otherwise(source: Objects) -> None:
    """It ends there, and says what it was."""

    class Forgetful(MemoryStore):
        def put(self, path, file, **options):
            return super().put(path, file[:-1], **options)

    with pytest.raises(RobustifyError, match="does not come back"):
        list(copied(source, RemoteObjects(Forgetful())))


def test_copy_when_it_goes_back(source: Objects, target: Objects, tmp_path: Path) -> None:
    """A folder has the same files again."""
    list(copied(source, target))
    back = Folder(tmp_path / "back")
    list(copied(target, back))
    assert stored(back) == stored(target)
