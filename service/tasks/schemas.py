"""Tasks, their versions and their reference images, as the API documents them."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.results import Figures
from adapters.store.adaptations import StoredAdaptation, StoredReference
from adapters.store.tasks import StoredTask, Version
from service.jobs.schemas import iso_time


class TaskLinks(BaseModel):
    self: str
    versions: str
    current: str


class TaskDescription(BaseModel):
    """A label set with its template under a name. `current`: the version that answers; `versions`: their number."""

    id: str
    name: str
    labels: Sequence[str]
    template: str
    created_at: str
    current: int
    versions: int
    links: TaskLinks


class Tasks(BaseModel):
    """By name."""

    tasks: Sequence[TaskDescription]


class VersionLinks(BaseModel):
    """Where to see what a version was adapted with."""

    references: str
    contact_sheet: str
    denoised: str
    report: str


class VersionDescription(BaseModel):
    """A version of a task, which never changes.

    `adaptation`: the digest of what was adapted, null for the labels alone; `models`: the digest of the models that
    were adapted; `parent`: the version that was current before; `answers`: this one is current; `served`: requests can
    be answered with it, which they cannot when other models are served now; `figures`: what the adaptation brought on
    held-back reference images.
    """

    number: int
    adaptation: str | None
    models: str | None
    parent: int | None
    created_at: str
    answers: bool
    served: bool
    figures: Figures | None
    links: VersionLinks | None


class Versions(BaseModel):
    """In the order in which they were made."""

    versions: Sequence[VersionDescription]


class CurrentVersion(BaseModel):
    """The version that is to answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1, description="Its number.")


class ReferenceDescription(BaseModel):
    """An image that was made of a label. `held_back`: the adaptation was judged by it, and not trained on it."""

    label: str
    shot: int
    seed: int
    prompt: str
    held_back: bool
    image: str


class References(BaseModel):
    """The reference images of a version."""

    version: int
    adaptation: str
    references: Sequence[ReferenceDescription]
    links: VersionLinks


def describe_task(task: StoredTask) -> TaskDescription:
    path = task_path(task)
    return TaskDescription(
        id=task.id,
        name=task.name,
        labels=task.labels,
        template=task.template,
        created_at=iso_time(task.created_at),
        current=task.current,
        versions=len(task.versions),
        links=TaskLinks(self=path, versions=f"{path}/versions", current=f"{path}/current"),
    )


def describe_version(task: StoredTask, version: Version, served: bool, figures: Figures | None) -> VersionDescription:
    return VersionDescription(
        number=version.number,
        adaptation=version.adaptation,
        models=version.models,
        parent=version.parent,
        created_at=iso_time(version.created_at),
        answers=version.number == task.current,
        served=served,
        figures=figures,
        links=version_links(task, version) if version.adaptation else None,
    )


def describe_references(task: StoredTask, version: Version, adaptation: StoredAdaptation) -> References:
    return References(
        version=version.number,
        adaptation=adaptation.digest,
        references=[describe_reference(task, version, reference) for reference in adaptation.references],
        links=version_links(task, version),
    )


def describe_reference(task: StoredTask, version: Version, reference: StoredReference) -> ReferenceDescription:
    return ReferenceDescription(
        label=reference.label,
        shot=reference.shot,
        seed=reference.seed,
        prompt=reference.prompt,
        held_back=reference.held_back,
        image=f"{task_path(task)}/references/{reference.file}?version={version.number}",
    )


def version_links(task: StoredTask, version: Version) -> VersionLinks:
    path, query = task_path(task), f"?version={version.number}"
    return VersionLinks(
        references=f"{path}/references{query}",
        contact_sheet=f"{path}/references.png{query}",
        denoised=f"{path}/denoised.png{query}",
        report=f"{path}/report{query}",
    )


def task_path(task: StoredTask) -> str:
    """By the id, which needs no escapes."""
    return f"/tasks/{task.id}"
