"""Images and adaptations in an object store: copies on each host, checked whenever they are read."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from obstore.store import MemoryStore

from adapters.settings import Settings
from adapters.store.adaptations import CLASSIFIER, FUNCTION_FILES, LORA, MANIFEST, REFERENCES, AdaptationStore
from adapters.store.disk_cache import DiskCache
from adapters.store.object_store import RemoteObjects
from adapters.store.places import places_of
from adapters.store.tensors import ImageStore
from robustify.errors import StoredImageError, StoredTaskError
from robustify.types import Task

BOUND = 1 << 20
MODELS = "a" * 64


def tensor(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 5, 4), dtype=np.float32)


class Host:
    """A machine with a disk of its own, in front of a store that all share."""

    def __init__(self, store: MemoryStore, folder: Path, bound: int = BOUND) -> None:
        self.cache = DiskCache(folder, bound)
        self.elsewhere = RemoteObjects(store)
        self.images = ImageStore(self.elsewhere.below("images", self.cache))
        self.adaptations = AdaptationStore(folder, self.elsewhere.below("adaptations"), self.cache)

    def copies(self) -> set[str]:
        return {path.name for path in self.cache.root.iterdir() if not path.name.startswith(".")}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def here(store: MemoryStore, tmp_path: Path) -> Host:
    return Host(store, tmp_path / "here")


@pytest.fixture
def there(store: MemoryStore, tmp_path: Path) -> Host:
    return Host(store, tmp_path / "there")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    (folder / REFERENCES).mkdir(parents=True)
    for name in FUNCTION_FILES:
        (folder / name).write_bytes(b"tensors of " + name.encode())
    (folder / "report.json").write_text("{}")
    (folder / REFERENCES / "0000-000.png").write_bytes(b"png")
    return folder


def test_image_when_another_host_has_stored_it(here: Host, there: Host) -> None:
    """It is fetched once, and read from this disk from then on."""
    image = tensor()
    sha256 = here.images.put(image)
    assert np.array_equal(there.images.get(sha256), image)
    there.elsewhere.remove(f"images/{sha256[:2]}/{sha256}")
    assert np.array_equal(there.images.get(sha256), image)
    assert here.images.put(image) == sha256
    with pytest.raises(StoredImageError, match="not in the store"):
        there.images.get("0" * 64)


def test_image_when_its_copy_is_damaged(here: Host, there: Host) -> None:
    """It is never used: it is fetched again."""
    image = tensor()
    sha256 = here.images.put(image)
    there.images.get(sha256)
    (copy,) = there.copies()
    (there.cache.root / copy).write_bytes(b"3x5x4\nsomething else")
    assert np.array_equal(there.images.get(sha256), image)
    assert np.array_equal(there.images.get(sha256), image)


def test_image_when_the_store_has_another(here: Host, there: Host) -> None:
    """It is refused by its name until somebody uploads it again."""
    image = tensor()
    sha256 = here.images.put(image)
    here.elsewhere.write(f"images/{sha256[:2]}/{sha256}", b"3x5x4\nsomething else")
    for _ in range(2):
        with pytest.raises(StoredImageError, match=f"{sha256} is damaged"):
            there.images.get(sha256)
    here.images.put(image)
    assert np.array_equal(there.images.get(sha256), image)


def test_image_when_it_is_removed(here: Host) -> None:
    """It goes unless somebody wants it."""
    sha256 = here.images.put(tensor())
    assert not here.images.remove(sha256, lambda: False)
    assert [entry.name for entry in here.images.older_than(-5)] == [f"{sha256[:2]}/{sha256}"]
    assert here.images.remove(sha256, lambda: True)
    assert list(here.images.older_than(-5)) == []


def test_adaptation_when_another_host_has_made_it(here: Host, there: Host, made: Path) -> None:
    """What decides f is fetched and checked, pictures when they are asked for; a file that is not there is not."""
    digest = here.adaptations.add(made, MODELS, {"labels": ["cat", "dog"]}).digest
    found = there.adaptations.get(digest)
    assert found.manifest.labels == ("cat", "dog")
    assert {path.name for path in found.folder.iterdir()} == {MANIFEST, *FUNCTION_FILES}
    picture = found.file(f"{REFERENCES}/0000-000.png")
    assert picture is not None
    assert picture.read_bytes() == b"png"
    assert found.file("no.png") is None
    assert {path.name for path in found.complete().iterdir()} >= {"report.json", REFERENCES}


def test_adaptation_when_it_is_only_told_of(here: Host, there: Host, made: Path) -> None:
    """No weights are fetched, until somebody needs them."""
    digest = here.adaptations.add(made, MODELS, {}).digest
    told = there.adaptations.about(digest)
    assert {path.name for path in told.folder.iterdir()} == {MANIFEST}
    assert there.adaptations.get(digest).file(LORA)


@pytest.mark.parametrize("name", [LORA, MANIFEST, f"{REFERENCES}/0000-000.png"])
def test_adaptation_when_the_store_has_another(here: Host, there: Host, made: Path, name: str) -> None:
    """It is refused, with what to do: to adapt again."""
    digest = here.adaptations.add(made, MODELS, {}).digest
    here.elsewhere.write(f"adaptations/{digest}/{name}", b"something else")
    with pytest.raises(StoredTaskError, match="adapt it again"):
        there.adaptations.get(digest).file(name)


def test_adaptation_when_its_copy_is_damaged(here: Host, there: Host, made: Path) -> None:
    """It is fetched again."""
    digest = here.adaptations.add(made, MODELS, {}).digest
    (there.adaptations.get(digest).folder / CLASSIFIER).write_bytes(b"something else")
    path = there.adaptations.get(digest).file(CLASSIFIER)
    assert path is not None
    assert path.read_bytes() == (made / CLASSIFIER).read_bytes()


def test_adaptation_when_its_copy_had_to_go(here: Host, there: Host, made: Path) -> None:
    """Who knows of it fetches what it needs once more."""
    found = there.adaptations.about(here.adaptations.add(made, MODELS, {}).digest)
    shutil.rmtree(found.folder)
    assert found.file("report.json")


def test_adaptation_when_it_is_added_on_two_hosts(here: Host, there: Host, made: Path) -> None:
    """It is one; where it was deleted from the store but not from this disk, it is stored again."""
    digest = here.adaptations.add(made, MODELS, {}).digest
    assert there.adaptations.add(made, MODELS, {}).digest == digest
    there.adaptations.delete(digest)
    assert here.adaptations.add(made, MODELS, {}).digest == digest
    assert there.adaptations.get(digest).file(LORA)


def test_adaptation_when_it_is_deleted(here: Host, there: Host, made: Path) -> None:
    """Nothing is left of it in the store, and who has no copy finds none."""
    digest = here.adaptations.add(made, MODELS, {}).digest
    for _ in range(2):
        here.adaptations.delete(digest)
    assert list(here.elsewhere.entries()) == []
    with pytest.raises(StoredTaskError, match="missing"):
        there.adaptations.get(digest)


@pytest.mark.slow
def test_places_when_the_settings_name_a_bucket(s3_url: str, tmp_path: Path) -> None:
    """Two hosts with state folders of their own see the same; nothing but copies is in the folders."""
    one, two = (places_of(Settings(store=s3_url, state_dir=tmp_path / name)) for name in ("one", "two"))
    sha256 = one.images.put(tensor())
    assert np.array_equal(two.images.get(sha256), tensor())
    one.tasks_of("ann").publish("pets", Task(("cat", "dog")), "job", 0.0)
    assert [task.name for task in two.tasks_of("ann").all()] == ["pets"]
    assert two.tasks_of().all() == []
    one.outcomes.keep("ann", "1a" * 32, "2b" * 32, "text")
    assert two.outcomes.get("ann", "1a" * 32, "2b" * 32) == "text"
    assert {path.name for path in (tmp_path / "two").iterdir()} == {"cache"}
