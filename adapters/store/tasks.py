"""Tasks on disk: what a name stands for, its versions in order, and which of them answers.

One JSON file a task, replaced whole under a lock, so that publishing, rolling back and deleting are each one move. What
an adaptation made is elsewhere (`AdaptationStore`), named by its digest.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.contract.access import KEYLESS
from adapters.contract.labels import ID_LETTERS, case_folded, task_id
from adapters.contract.templates import WrittenTemplates
from adapters.durable_files import locked, sync, write_durably
from adapters.store.walking import files_below
from robustify.errors import StoredTaskError, TaskConflictError, UnknownTaskError
from robustify.types import Task

LABELS_ALONE = "labels-alone"
"""Stands for the job of a version that nobody adapted."""


class StoredRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Version(StoredRecord):
    """One immutable version of a task. `adaptation`: the digest of what was adapted, None for the labels alone.

    `models` is the digest of the models that it was adapted for; `parent` the version that was current before.
    """

    number: int
    adaptation: str | None
    models: str | None
    parent: int | None
    job: str
    created_at: float


class StoredTask(StoredRecord):
    """A name, its label set and template, and its versions; `current` is the one that answers."""

    id: str
    name: str
    labels: tuple[str, ...]
    template: str
    templates: WrittenTemplates = ()
    created_at: float
    current: int
    versions: tuple[Version, ...]

    def version(self, number: int | None = None) -> Version:
        """A version, by default the current one; raises UnknownTaskError when there is none of that number."""
        wanted = self.current if number is None else number
        for version in self.versions:
            if version.number == wanted:
                return version
        raise UnknownTaskError(f"task {self.name!r} has no version {wanted}")

    def version_of(self, job: str) -> Version:
        """The version that a job made."""
        return next(version for version in self.versions if version.job == job)

    def has_version_of(self, job: str) -> bool:
        return any(version.job == job for version in self.versions)

    def with_version(
        self, adaptation: str | None, models: str | None, job: str, now: float, answers: bool
    ) -> "StoredTask":
        """The task with one more version."""
        number = 1 + max((version.number for version in self.versions), default=0)
        version = Version(
            number=number,
            adaptation=adaptation,
            models=models,
            parent=self.current or None,
            job=job,
            created_at=now,
        )
        current = number if answers else self.current
        return self.model_copy(update={"current": current, "versions": (*self.versions, version)})

    @property
    def adaptations(self) -> set[str]:
        return {version.adaptation for version in self.versions if version.adaptation}


class TaskStore:
    """A folder of tasks. Every method may be called from several processes at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def of(cls, owner: str, folder: Path) -> "TaskStore":
        """The tasks of one owner, in the folder of all: a name means another task to another owner."""
        return cls(folder if owner == KEYLESS else folder / owner)

    def find(self, name: str) -> StoredTask:
        """The task of a name or an id; raises UnknownTaskError."""
        for identifier in (task_id(name), name):
            path = self._path(identifier)
            if path is not None and path.is_file():
                return read(path)
        raise UnknownTaskError(f"there is no task {name!r}")

    def all(self) -> list[StoredTask]:
        """By name; without those that are damaged or were deleted meanwhile."""
        tasks = []
        for path in self._root.glob("*.json"):
            with suppress(UnknownTaskError, StoredTaskError):
                tasks.append(read(path))
        return sorted(tasks, key=lambda task: case_folded(task.name))

    def publish(
        self,
        name: str,
        label_task: Task,
        job: str,
        now: float,
        adaptation: str | None = None,
        models: str | None = None,
        answers: bool = True,
    ) -> StoredTask:
        """Adds a version, and makes it the one that answers unless told otherwise, in one move.

        A task is made with its first version; where none would answer, a version of the labels alone comes before.
        Publishing for the same job again changes nothing. Raises TaskConflictError when the name stands for other
        labels or another template.
        """
        with self._locked(task_id(name)) as path:
            task = read(path) if path.is_file() else new_task(name, label_task, now)
            check_same(task, label_task)
            if task.has_version_of(job):
                return task
            if not answers and not task.versions:
                task = task.with_version(None, None, LABELS_ALONE, now, answers=True)
            return write(path, task.with_version(adaptation, models, job, now, answers))

    def register(self, name: str, label_task: Task, job: str, now: float) -> StoredTask:
        """Makes a task of the labels alone; one that is there stays as it is. Raises TaskConflictError as `publish`."""
        with self._locked(task_id(name)) as path:
            if path.is_file():
                task = read(path)
                check_same(task, label_task)
                return task
            return write(path, new_task(name, label_task, now).with_version(None, None, job, now, answers=True))

    def make_current(self, name: str, number: int) -> StoredTask:
        """Lets another version answer; jobs that were submitted before keep theirs."""
        with self._locked(self.find(name).id) as path:
            task = self.find(name)
            return write(path, task.model_copy(update={"current": task.version(number).number}))

    def delete(self, name: str, check: Callable[[StoredTask], None] = lambda task: None) -> StoredTask:
        """Forgets a task, unless `check` raises; returns what it was."""
        with self._locked(self.find(name).id) as path:
            task = self.find(name)
            check(task)
            path.unlink()
            sync(self._root)
            return task

    def _path(self, identifier: str) -> Path | None:
        if len(identifier) != ID_LETTERS or set(identifier) - set("0123456789abcdef"):
            return None
        return self._root / f"{identifier}.json"

    @contextmanager
    def _locked(self, identifier: str) -> Iterator[Path]:
        """The path of a task's file, which nobody else changes meanwhile."""
        with locked(self._root):
            yield self._root / f"{identifier}.json"


def is_mentioned(adaptation: str, folder: Path) -> bool:
    """Whether any task of any owner, even a damaged one, has this adaptation; `folder` is that of all tasks."""
    return any(adaptation.encode() in content_of(path) for path in files_below(folder) if path.suffix == ".json")


def content_of(path: Path) -> bytes:
    """Nothing, if the task is deleted meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def new_task(name: str, task: Task, now: float) -> StoredTask:
    return StoredTask(
        id=task_id(name),
        name=name,
        labels=task.labels,
        template=task.template,
        templates=task.templates,
        created_at=now,
        current=0,
        versions=(),
    )


def check_same(stored: StoredTask, task: Task) -> None:
    if (stored.labels, stored.template, stored.templates) != (task.labels, task.template, task.templates):
        raise TaskConflictError(
            f"the name {stored.name!r} stands for a task with other labels or other templates: choose another name, "
            "or delete that task first"
        )


def read(path: Path) -> StoredTask:
    try:
        return StoredTask.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UnknownTaskError("the task was deleted") from error
    except (OSError, ValidationError) as error:
        raise StoredTaskError(f"task file {path.name} is damaged: restore or remove the file") from error


def write(path: Path, task: StoredTask) -> StoredTask:
    write_durably(path, task.model_dump_json(indent=1).encode())
    return task
