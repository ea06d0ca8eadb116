"""Tasks, their versions and their reference images, as the API documents them."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.effective import EffectiveAdapt
from adapters.contract.example import ADAPTATION_DIGEST, LABELS, MODELS_DIGEST, TASK_ID, TASK_NAME
from adapters.contract.records import JobKind
from adapters.contract.results import Figures
from adapters.contract.templates import WrittenTemplates
from adapters.store.adaptations import StoredAdaptation, StoredReference
from adapters.store.tasks import StoredTask, Version
from robustify.types import DEFAULT_TEMPLATE
from service.jobs.schemas import iso_time

TASK_PATH = f"/tasks/{TASK_ID}"
REFERENCE_FILE = "0000-000.png"
CREATED_AT = "2026-11-29T17:50:35.123Z"


class TaskLinks(BaseModel):
    """Where to read it, and to let another version answer."""

    self: str = Field(examples=[TASK_PATH])
    versions: str = Field(examples=[f"{TASK_PATH}/versions"])
    current: str = Field(description="PUT it.", examples=[f"{TASK_PATH}/current"])


class TaskDescription(BaseModel):
    """A label set with its template under a name."""

    id: str = Field(description="The same name always has the same id.", examples=[TASK_ID])
    name: str = Field(examples=[TASK_NAME])
    labels: Sequence[str] = Field(description="The classes, in order.", examples=[LABELS])
    template: str = Field(description="Prompt; {} stands for the label.", examples=[DEFAULT_TEMPLATE])
    templates: WrittenTemplates = ()
    created_at: str = Field(description="ISO 8601 in UTC.", examples=[CREATED_AT])
    current: int = Field(description="The version that answers.", examples=[2])
    versions: int = Field(description="How many there are.", examples=[2])
    links: TaskLinks


class Tasks(BaseModel):
    """By name."""

    tasks: Sequence[TaskDescription]


class VersionLinks(BaseModel):
    """Where to see what a version was adapted with."""

    references: str = Field(
        description="The list of its reference images.", examples=[f"{TASK_PATH}/references?version=2"]
    )
    contact_sheet: str = Field(
        description="All of them in one picture.", examples=[f"{TASK_PATH}/references.png?version=2"]
    )
    denoised: str = Field(
        description="Those that were held back, noisy and denoised.", examples=[f"{TASK_PATH}/denoised.png?version=2"]
    )
    report: str = Field(description="Figures, losses and the request.", examples=[f"{TASK_PATH}/report?version=2"])


class VersionDescription(BaseModel):
    """A version of a task, which never changes."""

    number: int = Field(examples=[2])
    adaptation: str | None = Field(
        description="The digest of what was adapted; null for the labels alone.", examples=[ADAPTATION_DIGEST]
    )
    models: str | None = Field(
        description="The digest of the models that were adapted; null for the labels alone.", examples=[MODELS_DIGEST]
    )
    parent: int | None = Field(description="The version that was current before; null for the first.", examples=[1])
    created_at: str = Field(description="ISO 8601 in UTC.", examples=[CREATED_AT])
    answers: bool = Field(description="Whether it is the current one.", examples=[True])
    served: bool = Field(
        description="Whether requests can be answered with it, which they cannot when other models are served now.",
        examples=[True],
    )
    figures: Figures | None = Field(
        description="What the adaptation brought on held-back reference images; null for the labels alone."
    )
    links: VersionLinks | None = Field(description="Null for the labels alone.")


class Versions(BaseModel):
    """In the order in which they were made."""

    versions: Sequence[VersionDescription]


class CurrentVersion(BaseModel):
    """The version that is to answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1, description="Its number.", examples=[1])


class ReferenceDescription(BaseModel):
    """An image that was made of a label."""

    label: str = Field(description="What it shows.", examples=["cat"])
    shot: int = Field(description="Which one of this label, from 0.", examples=[0])
    seed: int = Field(description="What it was drawn from.", examples=[1234567])
    prompt: str = Field(description="What it was made of.", examples=["This is a photo of a cat"])
    held_back: bool = Field(
        description="Whether the adaptation was judged by it, and not trained on it.", examples=[False]
    )
    image: str = Field(description="Where it is.", examples=[f"{TASK_PATH}/references/{REFERENCE_FILE}?version=2"])


class References(BaseModel):
    """The reference images of a version."""

    version: int = Field(description="Its number.", examples=[2])
    adaptation: str = Field(description="The digest of what was adapted.", examples=[ADAPTATION_DIGEST])
    references: Sequence[ReferenceDescription]
    links: VersionLinks


class ReportedRequest(EffectiveAdapt):
    """What was asked, with every default filled in."""

    kind: Literal[JobKind.ADAPT]
    profile: str = Field(description="The set of models.", examples=["mini"])
    engine: str = Field(description="Names the workers that could do it.", examples=["7b1e" * 16])
    models: str = Field(description="The digest of the models.", examples=[MODELS_DIGEST])


class Report(Figures):
    """What an adaptation brought, as the worker wrote it."""

    losses: Mapping[str, Sequence[Mapping[str, float]]] = Field(
        description="By stage; of some steps, each loss by its name.",
        examples=[{"personalize": [{"step": 60, "total": 0.21}], "fine-tune": []}],
    )
    request: ReportedRequest


def describe_task(task: StoredTask) -> TaskDescription:
    path = task_path(task)
    return TaskDescription(
        id=task.id,
        name=task.name,
        labels=task.labels,
        template=task.template,
        templates=task.templates,
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
