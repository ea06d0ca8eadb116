"""Outcomes on disk: each owner's own, the first one stands, and nothing of one is left when it is forgotten."""

import os
import time
from pathlib import Path

import pytest

from adapters.durable_files import create_whole
from adapters.store.folder import Folder
from adapters.store.outcomes import OutcomeStore

IMAGE, OTHER_IMAGE, QUESTION, OTHER_QUESTION = ("1a" * 32, "2b" * 32, "3c" * 32, "4d" * 32)


@pytest.fixture
def store(tmp_path: Path) -> OutcomeStore:
    return OutcomeStore(tmp_path / "outcomes")


def root_of(store: OutcomeStore) -> Path:
    assert isinstance(store._objects, Folder)
    return store._objects.root


def left(store: OutcomeStore) -> list[Path]:
    return list(root_of(store).rglob("*"))


def test_outcome_when_there_is_one(store: OutcomeStore) -> None:
    """The first one stands, and whoever comes later is told which."""
    assert store.keep("ann", IMAGE, QUESTION, "first") == "first"
    assert store.keep("ann", IMAGE, QUESTION, "second") == "first"
    assert store.get("ann", IMAGE, QUESTION) == "first"
    assert store.renew("ann", IMAGE, QUESTION, "third") == store.get("ann", IMAGE, QUESTION) == "third"


@pytest.mark.parametrize("other", ["", "bob"])
def test_outcome_when_it_is_anothers(store: OutcomeStore, other: str) -> None:
    """It is not there, and is neither forgotten with mine nor mine with it."""
    for owner in ("ann", other):
        store.keep(owner, IMAGE, QUESTION, owner)
        store.keep(owner, IMAGE, OTHER_QUESTION, owner)
    assert store.forget("ann", IMAGE, QUESTION)
    assert (store.get("ann", IMAGE, QUESTION), store.get(other, IMAGE, QUESTION)) == (None, other)
    assert store.forget("ann", IMAGE)
    assert not store.forget("ann", IMAGE)
    assert store.get(other, IMAGE, OTHER_QUESTION) == other


def test_outcome_when_all_of_an_image_are_forgotten(store: OutcomeStore) -> None:
    """Not even a folder tells of the image; others stay."""
    store.keep("ann", IMAGE, QUESTION, "text")
    store.forget("ann", IMAGE)
    assert left(store) == []
    store.keep("ann", OTHER_IMAGE, QUESTION, "text")
    store.forget("ann", IMAGE)
    assert store.get("ann", OTHER_IMAGE, QUESTION) == "text"


def test_outcome_when_its_time_is_over(store: OutcomeStore) -> None:
    """It is found by its age, and leaves nothing when it is removed."""
    for image in (IMAGE, OTHER_IMAGE):
        store.keep("ann", image, QUESTION, "text")
    (old,) = (root_of(store) / IMAGE[:2] / IMAGE).iterdir()
    os.utime(old, (time.time() - 100,) * 2)
    (found,) = store.older_than(50)
    assert (found.name, found.size) == (f"{IMAGE[:2]}/{IMAGE}/{old.name}", 4)
    store.remove(found)
    store.remove(found)
    assert store.get("ann", OTHER_IMAGE, QUESTION) == "text"
    assert len(left(store)) == 3


def test_outcome_when_its_folder_is_removed_in_this_moment(
    store: OutcomeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored all the same."""
    times = iter((True, False))

    def create_after_somebody_tidied_up(path: Path, content: bytes) -> bool:
        if next(times):
            path.parent.rmdir()
        return create_whole(path, content)

    monkeypatch.setattr("adapters.store.folder.create_whole", create_after_somebody_tidied_up)
    store.keep("ann", IMAGE, QUESTION, "text")
    assert store.get("ann", IMAGE, QUESTION) == "text"


@pytest.mark.parametrize("name", ["", "..", "../../x", "1A" * 32, "1a" * 31])
def test_outcome_when_a_digest_is_none(store: OutcomeStore, name: str) -> None:
    """No path is made of it."""
    with pytest.raises(ValueError, match="named by its sha256"):
        store.keep("ann", name, QUESTION, "text")
    with pytest.raises(ValueError, match="named by its sha256"):
        store.forget("ann", IMAGE, name)
