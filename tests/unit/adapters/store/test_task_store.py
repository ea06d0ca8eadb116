"""Tasks on disk: names, versions in order, and which of them answers; whoever changes them at the same time."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.contract.labels import task_id
from adapters.store.folder import Folder
from adapters.store.tasks import LABELS_ALONE, StoredTask, TaskStore
from robustify.errors import StoredTaskError, TaskConflictError, UnknownTaskError
from robustify.types import Task

PETS = Task(("cat", "dog"))
PUBLISHING = """
import pathlib, sys
from adapters.store.tasks import TaskStore
from robustify.types import Task
store, mine = TaskStore(pathlib.Path(sys.argv[1])), sys.argv[2]
for number in range(20):
    store.publish("pets", Task(("cat", "dog")), f"{mine}-{number}", 0.0, adaptation=f"{mine}{number}", models="m")
"""
CHANGING = """
import pathlib, sys
from adapters.store.tasks import TaskStore
from robustify.errors import UnknownTaskError
from robustify.types import Task
store, mine = TaskStore(pathlib.Path(sys.argv[1])), sys.argv[2]
for number in range(20):
    task = store.publish("pets", Task(("cat", "dog")), f"{mine}-{number}", 0.0)
    assert task.version_of(f"{mine}-{number}").number == task.current
    try:
        store.make_current("pets", 1)
        [read] = store.all() or [None]
        assert read is None or read.version()
        if number % 5 == 4:
            store.delete("pets")
    except UnknownTaskError:
        pass
store.publish("pets", Task(("cat", "dog")), f"{mine}-last", 0.0)
"""


@pytest.fixture
def store(tmp_path: Path) -> TaskStore:
    return TaskStore(tmp_path / "tasks")


def publish(store: TaskStore, job: str, name: str = "pets", task: Task = PETS, answers: bool = True) -> StoredTask:
    return store.publish(name, task, job, 12.5, adaptation=f"of {job}", models="m", answers=answers)


def root_of(store: TaskStore) -> Path:
    assert isinstance(store._objects, Folder)
    return store._objects.root


def files(store: TaskStore) -> list[str]:
    return sorted(path.name for path in root_of(store).iterdir() if path.name != ".lock")


def run_side_by_side(code: str, folder: Path, names: Sequence[str]) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", code, str(folder), name]) for name in names]
    try:
        codes = [process.wait(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()

    assert codes == [0] * len(names)


def test_task_when_it_is_published(store: TaskStore) -> None:
    """It is found by name and id, with its labels in order, and its version answers."""
    publish(store, "first", task=Task(("dog", "cat", "owl"), "a {}"))
    found = store.find("pets")

    assert found == store.find(task_id("pets")) == store.all()[0]
    assert (found.labels, found.template, found.created_at) == (("dog", "cat", "owl"), "a {}", 12.5)
    version = found.version()
    assert (version.number, version.parent, version.adaptation, version.models) == (1, None, "of first", "m")
    assert found.adaptations == {"of first"}


def test_versions_when_more_are_published(store: TaskStore) -> None:
    """They are numbered on, each with the one before as parent; the last answers, and the others stay."""
    for job in ("first", "second", "third"):
        publish(store, job)
    found = store.find("pets")

    assert [(version.number, version.parent) for version in found.versions] == [(1, None), (2, 1), (3, 2)]
    assert found.current == 3
    assert found.version(1).adaptation == "of first"
    with pytest.raises(UnknownTaskError, match="no version 4"):
        found.version(4)


def test_version_when_its_job_publishes_again(store: TaskStore) -> None:
    """Nothing changes: a job makes one version, even if another came since."""
    publish(store, "first")
    after = publish(store, "second")

    assert publish(store, "first") == after == store.find("pets")


@pytest.mark.parametrize("name", ["PETS", "ｐｅｔｓ", " pets ", "Pets"])
def test_name_when_only_case_or_width_differs(store: TaskStore, name: str) -> None:
    """It is the same task, under the name that it had first."""
    publish(store, "first")
    publish(store, "second", name=name)

    assert [task.name for task in store.all()] == ["pets"]
    assert len(store.find(name).versions) == 2


@pytest.mark.parametrize("task", [Task(("dog", "cat")), Task(("cat", "dog", "owl")), Task(("cat", "dog"), "a {}")])
def test_name_when_it_stands_for_other_labels(store: TaskStore, task: Task) -> None:
    """TaskConflictError, for another order or template too, and the task stays as it was."""
    before = publish(store, "first")
    with pytest.raises(TaskConflictError, match="other labels"):
        publish(store, "second", task=task)

    assert store.find("pets") == before


def test_first_version_when_it_does_not_answer(store: TaskStore) -> None:
    """The labels alone answer in its place, as a version before it."""
    found = publish(store, "worse", answers=False)

    assert found.current == 1
    assert found.version().adaptation is None
    assert found.version().job == LABELS_ALONE
    assert (found.version_of("worse").number, found.version_of("worse").parent) == (2, 1)


def test_later_version_when_it_does_not_answer(store: TaskStore) -> None:
    """The one before goes on to answer, until it is told otherwise."""
    publish(store, "first")
    assert publish(store, "worse", answers=False).current == 1
    assert store.make_current("pets", 2).current == store.find("pets").current == 2
    assert store.make_current("PETS", 1).version().adaptation == "of first"
    with pytest.raises(UnknownTaskError, match="no version 3"):
        store.make_current("pets", 3)


def test_version_after_a_step_back(store: TaskStore) -> None:
    """Its parent is the one that answered, and its number is new."""
    publish(store, "first")
    publish(store, "second")
    store.make_current("pets", 1)
    third = publish(store, "third").version()

    assert (third.number, third.parent) == (3, 1)


def test_labels_when_they_are_registered(store: TaskStore) -> None:
    """A task without anything adapted; one that is there stays as it is, and other labels are refused."""
    first = store.register("pets", PETS, "a job", 12.5)
    assert (first.current, first.version().adaptation, first.version().job) == (1, None, "a job")
    after = publish(store, "adapted")

    assert store.register("PETS", PETS, "another job", 13.0) == after == store.find("pets")
    with pytest.raises(TaskConflictError, match="other labels"):
        store.register("pets", Task(("cat", "owl")), "a third job", 13.0)


def test_task_when_it_is_deleted(store: TaskStore) -> None:
    """It is gone, and its name may stand for something else."""
    publish(store, "first")
    assert store.delete("Pets").adaptations == {"of first"}
    assert store.all() == []
    with pytest.raises(UnknownTaskError):
        store.find("pets")
    with pytest.raises(UnknownTaskError):
        store.delete("pets")
    assert publish(store, "second", task=Task(("owl", "bat"))).version().number == 1


def test_task_when_its_deletion_is_refused(store: TaskStore) -> None:
    """Whoever checks whether it is in use decides."""

    def refuse(task: StoredTask) -> None:
        raise TaskConflictError(f"{task.name} is in use")

    publish(store, "first")
    with pytest.raises(TaskConflictError, match="pets is in use"):
        store.delete("pets", refuse)
    assert store.find("pets").name == "pets"


@pytest.mark.parametrize("name", ["", "owls", "../pets", "0" * 16, "0" * 15, "ABCDEF0123456789", "/etc/passwd", "a\0b"])
def test_name_that_stands_for_nothing(store: TaskStore, name: str) -> None:
    """UnknownTaskError; a name never becomes a path."""
    publish(store, "first")
    with pytest.raises(UnknownTaskError, match="no task"):
        store.find(name)


def test_publishing_by_two_processes_at_once(store: TaskStore) -> None:
    """All get in, and the numbers go on without a gap."""
    run_side_by_side(PUBLISHING, root_of(store), ["a", "b"])
    found = store.find("pets")

    assert [version.number for version in found.versions] == list(range(1, 41))
    assert found.adaptations == {f"{name}{number}" for name in "ab" for number in range(20)}
    assert [version.parent for version in found.versions] == [None, *range(1, 40)]


@pytest.mark.slow
def test_changes_by_several_processes_at_once(store: TaskStore) -> None:
    """Whoever publishes, steps back, lists and deletes: the task is whole at each moment, and no part is left."""
    run_side_by_side(CHANGING, root_of(store), ["a", "b", "c"])
    found = store.find("pets")

    assert files(store) == [f"{found.id}.json"]
    assert [version.number for version in found.versions] == list(range(1, len(found.versions) + 1))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"id": 1}', b'{"id": "x", "current": NaN}'])
def test_file_that_is_damaged(store: TaskStore, content: bytes) -> None:
    """StoredTaskError, which names the file and no folder; nothing is published over it, and others are listed."""
    publish(store, "first")
    other = publish(store, "first", name="owls")
    path = root_of(store) / f"{task_id('pets')}.json"
    path.write_bytes(content)
    for act in (lambda: store.find("pets"), lambda: publish(store, "second"), lambda: store.make_current("pets", 1)):
        with pytest.raises(StoredTaskError, match="damaged") as caught:
            act()
        assert path.name in str(caught.value)
        assert str(root_of(store)) not in str(caught.value)
    assert path.read_bytes() == content
    assert store.all() == [other]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_publishing_when_the_disk_is_full(store: TaskStore, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """The error is told, the task is what it was, and no part of a file is left."""
    before = publish(store, "first")

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(OSError, match="no space"):
            publish(store, "second")
        with pytest.raises(OSError, match="no space"):
            publish(store, "other", name="owls")
    assert store.all() == [before]
    assert files(store) == [f"{before.id}.json"]
    assert publish(store, "second").current == 2


def test_listing_when_a_process_died_while_it_wrote(store: TaskStore) -> None:
    """What it left behind is no task, and others come by name."""
    for name in ("pets", "Zoo", "apes"):
        publish(store, name, name=name)
    (root_of(store) / ".partial-x7f3").write_bytes(b'{"id": ')

    assert [task.name for task in store.all()] == ["apes", "pets", "Zoo"]


def test_listing_when_there_is_no_folder(store: TaskStore) -> None:
    """No tasks."""
    assert store.all() == []


def test_record_when_a_newer_release_wrote_it(store: TaskStore) -> None:
    """What is not known is ignored."""
    publish(store, "first")
    path = root_of(store) / f"{task_id('pets')}.json"
    path.write_text(path.read_text().replace('"current"', '"colour": "red", "current"'))

    assert store.find("pets").current == 1
