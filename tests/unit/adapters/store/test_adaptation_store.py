"""What adaptations made, on disk: named by what decides f, checked whenever it is read, whole or not there."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.store.adaptations import FUNCTION_FILES, REFERENCES, AdaptationStore
from robustify.errors import StoredTaskError

MODELS = "a" * 64
REFERENCE = {
    "file": "0000-000.png",
    "label": "cat",
    "index": 0,
    "shot": 0,
    "seed": 1,
    "prompt": "p",
    "held_back": False,
}
ABOUT = {"labels": ["cat", "dog"], "references": [REFERENCE]}
ADDING = """
import pathlib, sys
from adapters.store.adaptations import AdaptationStore
store, made = AdaptationStore(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2])
for number in range(20):
    store.add(made, str(number), {})
"""


@pytest.fixture
def store(tmp_path: Path) -> AdaptationStore:
    return AdaptationStore(tmp_path / "adaptations")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of a finished adaptation, with a leftover of a process that died while it wrote."""
    folder = tmp_path / "made"
    (folder / REFERENCES).mkdir(parents=True)
    for name in FUNCTION_FILES:
        (folder / name).write_bytes(b"tensors of " + name.encode())
    (folder / "report.json").write_text("{}")
    (folder / REFERENCES / "0000-000.png").write_bytes(b"png")
    (folder / REFERENCES / ".partial-q1").write_bytes(b"pn")
    (folder / ".partial-q2").write_bytes(b"tens")
    return folder


def stored_names(store: AdaptationStore) -> list[str]:
    return sorted(path.name for path in store._root.iterdir() if path.name != ".lock") if store._root.is_dir() else []


def test_adaptation_when_it_is_read_again(store: AdaptationStore, made: Path) -> None:
    """The files, what was said of them, and nothing that was not written whole."""
    digest = store.add(made, MODELS, ABOUT).digest
    found = store.get(digest)

    assert (found.digest, found.models) == (digest, MODELS)
    assert [reference.model_dump() for reference in found.references] == [REFERENCE]
    assert found.manifest.labels == ("cat", "dog")
    assert all(
        (path := found.file(name)) and path.read_bytes() == (made / name).read_bytes() for name in FUNCTION_FILES
    )
    assert found.file("no.safetensors") is None
    names = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*")}
    assert names == {*FUNCTION_FILES, "manifest.json", "report.json", "references", "references/0000-000.png"}


def test_digest_when_a_part_of_the_function_differs(store: AdaptationStore, made: Path, tmp_path: Path) -> None:
    """Each file that decides f and the models enter it; that a file is missing or empty, too. The rest does not."""
    digests = [store.add(made, MODELS, ABOUT).digest, store.add(made, "b" * 64, ABOUT).digest]
    for name in FUNCTION_FILES:
        for change in (b"other", b"", None):
            other = tmp_path / "other"
            shutil.copytree(made, other)
            (other / name).write_bytes(change) if change is not None else (other / name).unlink()
            digests.append(store.add(other, MODELS, ABOUT).digest)
            shutil.rmtree(other)
    swapped = tmp_path / "swapped"
    shutil.copytree(made, swapped)
    for name, source in zip(FUNCTION_FILES[:2], reversed(FUNCTION_FILES[:2]), strict=True):
        (swapped / name).write_bytes((made / source).read_bytes())
    digests.append(store.add(swapped, MODELS, ABOUT).digest)
    (made / "report.json").write_text("[]")

    assert len(set(digests)) == len(digests)
    assert store.add(made, MODELS, {**ABOUT, "labels": ["x"]}).digest == digests[0]


@pytest.mark.parametrize("name", FUNCTION_FILES)
def test_adaptation_when_a_byte_is_flipped(store: AdaptationStore, made: Path, name: str) -> None:
    """StoredTaskError whenever it is read, which names no folder; nothing serves it."""
    found = store.add(made, MODELS, ABOUT)
    path = found.folder / name
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoredTaskError, match="damaged") as caught:
        store.get(found.digest)
    assert str(store._root) not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"function": 3}', '{"function": {"models": "b"}}', None])
def test_adaptation_when_its_manifest_is_damaged(store: AdaptationStore, made: Path, content: str | None) -> None:
    """StoredTaskError too."""
    manifest = store.add(made, MODELS, ABOUT).folder / "manifest.json"
    manifest.unlink() if content is None else manifest.write_text(content)
    with pytest.raises(StoredTaskError, match="adapt it again"):
        store.get(manifest.parent.name)


def test_adaptation_when_a_file_is_missing_or_added(store: AdaptationStore, made: Path) -> None:
    """A LoRA that goes, or comes, makes another function."""
    (made / FUNCTION_FILES[0]).unlink()
    found = store.add(made, MODELS, ABOUT)
    (found.folder / FUNCTION_FILES[0]).write_bytes(b"foreign")
    with pytest.raises(StoredTaskError, match="damaged"):
        store.get(found.digest)


def test_adaptation_when_it_is_added_again(store: AdaptationStore, made: Path) -> None:
    """What is there stays, and is there once."""
    first = store.add(made, MODELS, ABOUT)
    written = (first.folder / FUNCTION_FILES[0]).stat().st_ino

    assert store.add(made, MODELS, {"labels": ["x"]}) == first
    assert (first.folder / FUNCTION_FILES[0]).stat().st_ino == written
    assert stored_names(store) == [first.digest]


def test_adaptation_when_a_damaged_one_is_made_again(store: AdaptationStore, made: Path) -> None:
    """It is replaced: to adapt again is what the error says to do."""
    found = store.add(made, MODELS, ABOUT)
    (found.folder / FUNCTION_FILES[1]).write_bytes(b"")

    assert store.add(made, MODELS, ABOUT).digest == found.digest
    assert store.get(found.digest).file(FUNCTION_FILES[1])
    assert stored_names(store) == [found.digest]


@pytest.mark.slow
def test_adding_by_several_processes_at_once(store: AdaptationStore, made: Path) -> None:
    """All find it there, and nothing else is left."""
    command = [sys.executable, "-c", ADDING, str(store._root), str(made)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    try:
        codes = [process.wait(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()

    assert codes == [0, 0, 0]
    assert len(stored_names(store)) == 20
    assert all(store.get(name).models for name in stored_names(store))


def test_adding_when_a_file_does_not_fit(store: AdaptationStore, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the disk is full, what was stored before stays, and nothing of the new one is visible."""
    before = store.add(made, MODELS, ABOUT)
    (made / FUNCTION_FILES[0]).write_bytes(b"new")

    def copy_some(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:1])
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", copy_some)
        with pytest.raises(OSError, match="no space") as caught:
            store.add(made, MODELS, ABOUT)
    assert caught.value.errno == errno.ENOSPC
    assert stored_names(store) == [before.digest]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_adding_when_the_disk_is_full(
    store: AdaptationStore, made: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Likewise when the copy cannot be made safe or moved into place; later it can."""

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(OSError, match="no space"):
            store.add(made, MODELS, ABOUT)
    assert stored_names(store) == []
    assert store.add(made, MODELS, ABOUT).models == MODELS


def test_adaptation_when_it_is_deleted(store: AdaptationStore, made: Path) -> None:
    """It is gone; to delete it again does no harm."""
    digest = store.add(made, MODELS, ABOUT).digest
    for _ in range(2):
        store.delete(digest)

    assert stored_names(store) == []
    with pytest.raises(StoredTaskError, match="missing"):
        store.get(digest)


@pytest.mark.parametrize("digest", ["", "..", "../../etc", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_name_that_is_no_digest(store: AdaptationStore, made: Path, digest: str) -> None:
    """It never becomes a path."""
    store.add(made, MODELS, ABOUT)
    with pytest.raises(StoredTaskError, match="sha256"):
        store.get(digest)
