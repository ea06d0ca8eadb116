"""Tasks as they are stored: what a name stands for, its versions in order, and which of them answers.

One JSON document a task, replaced whole if it is still what it was when it was read, so that publishing, rolling back
and deleting are each one move. What an adaptation made is elsewhere (`AdaptationStore`), named by its digest.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.contract.access import KEYLESS
from adapters.contract.labels import ID_LETTERS, case_folded, task_id
from adapters.contract.templates import WrittenTemplates
from adapters.store.folder import objects_in
from adapters.store.objects import Objects
from robustify.errors import StoredTaskError, StoreUnavailableError, TaskConflictError, UnknownTaskError
from robustify.types import Task

LABELS_ALONE = "labels-alone"
"""Stands for the job of a version that nobody adapted."""
SUFFIX = ".json"
CHANGE_SECONDS = 30.0
"""Others may change the same task meanwhile, each in a few milliseconds."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.002, 0.1


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
    """Tasks of one owner. Every method may be called from several processes at once."""

    def __init__(self, place: Path | Objects) -> None:
        self._objects = objects_in(place)

    @classmethod
    def of(cls, owner: str, place: Path | Objects) -> "TaskStore":
        """The tasks of one owner, in the place of all: a name means another task to another owner."""
        return cls(place if owner == KEYLESS else objects_in(place).below(owner))

    def find(self, name: str) -> StoredTask:
        """The task of a name or an id; raises UnknownTaskError."""
        for identifier in (task_id(name), name):
            if is_id(identifier) and (found := self._read(identifier)):
                return found
        raise UnknownTaskError(f"there is no task {name!r}")

    def all(self) -> list[StoredTask]:
        """By name; without those that are damaged or were deleted meanwhile."""
        tasks = []
        for entry in self._objects.entries(deep=False):
            identifier = entry.name.removesuffix(SUFFIX)
            with suppress(StoredTaskError):
                if is_id(identifier) and (task := self._read(identifier)):
                    tasks.append(task)
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

        def published(stored: StoredTask | None) -> StoredTask:
            task = stored or new_task(name, label_task, now)
            check_same(task, label_task)
            if task.has_version_of(job):
                return task
            if not answers and not task.versions:
                task = task.with_version(None, None, LABELS_ALONE, now, answers=True)
            return task.with_version(adaptation, models, job, now, answers)

        return self._change(task_id(name), published)

    def register(self, name: str, label_task: Task, job: str, now: float) -> StoredTask:
        """Makes a task of the labels alone; one that is there stays as it is. Raises TaskConflictError as `publish`."""

        def registered(stored: StoredTask | None) -> StoredTask:
            if stored is None:
                return new_task(name, label_task, now).with_version(None, None, job, now, answers=True)
            check_same(stored, label_task)
            return stored

        return self._change(task_id(name), registered)

    def make_current(self, name: str, number: int) -> StoredTask:
        """Lets another version answer; jobs that were submitted before keep theirs."""

        def changed(stored: StoredTask | None) -> StoredTask:
            task = known(stored, name)
            return task.model_copy(update={"current": task.version(number).number})

        return self._change(self.find(name).id, changed)

    def delete(self, name: str, check: Callable[[StoredTask], None] = lambda task: None) -> StoredTask:
        """Forgets a task, unless `check` raises; returns what it was."""
        identifier = self.find(name).id
        for _ in tries():
            found = self._objects.versioned(file_of(identifier))
            task = known(parsed(identifier, found.content), name)
            check(task)
            if self._objects.replace(file_of(identifier), None, found.version):
                return task
        raise too_busy()

    def _change(self, identifier: str, change: Callable[[StoredTask | None], StoredTask]) -> StoredTask:
        """What a change makes of a task, once nobody else has changed it meanwhile."""
        for _ in tries():
            found = self._objects.versioned(file_of(identifier))
            stored = parsed(identifier, found.content)
            task = change(stored)
            if task is stored or self._objects.replace(file_of(identifier), content_of(task), found.version):
                return task
        raise too_busy()

    def _read(self, identifier: str) -> StoredTask | None:
        try:
            return parsed(identifier, self._objects.read(file_of(identifier)))
        except StoreUnavailableError:
            raise
        except OSError as error:
            raise damaged(identifier) from error


def is_mentioned(adaptation: str, place: Path | Objects) -> bool:
    """Whether any task of any owner, even a damaged one, has this adaptation; `place` is that of all tasks."""
    return any(adaptation.encode() in content for content in all_mentions(place))


def all_mentions(place: Path | Objects) -> list[bytes]:
    """What is stored of all tasks of all owners."""
    objects = objects_in(place)
    names = [entry.name for entry in objects.entries() if entry.name.endswith(SUFFIX)]
    return [content for name in names if (content := objects.read(name)) is not None]


def tries() -> Iterator[None]:
    """One try after the other, with pauses that grow and differ between processes, for a while."""
    deadline, pause = time.monotonic() + CHANGE_SECONDS, FIRST_PAUSE_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(random.uniform(0, pause))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def too_busy() -> StoreUnavailableError:
    return StoreUnavailableError("others change the same task again and again: try again later")


def is_id(text: str) -> bool:
    return len(text) == ID_LETTERS and not set(text) - set("0123456789abcdef")


def file_of(identifier: str) -> str:
    return f"{identifier}{SUFFIX}"


def known(stored: StoredTask | None, name: str) -> StoredTask:
    if stored is None:
        raise UnknownTaskError(f"there is no task {name!r}")
    return stored


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


def parsed(identifier: str, content: bytes | None) -> StoredTask | None:
    """The task that is stored under an id, if one is. Raises StoredTaskError."""
    try:
        return None if content is None else StoredTask.model_validate_json(content)
    except ValidationError as error:
        raise damaged(identifier) from error


def damaged(identifier: str) -> StoredTaskError:
    return StoredTaskError(f"task file {file_of(identifier)} is damaged: restore or remove the file")


def content_of(task: StoredTask) -> bytes:
    return task.model_dump_json(indent=1).encode()
