"""Tasks from elsewhere and for elsewhere: what is asked of an import, and what is written and told of them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.contract.adapt import TaskName, is_trainable
from adapters.contract.bounds import MAX_TEMPLATE_LENGTH
from adapters.contract.fields import FieldProblem, accepted, parse_fields
from adapters.contract.labels import Labels, Template, Templates, clean
from adapters.contract.prompts import check_prompts
from adapters.contract.records import JsonObject, Record
from adapters.contract.results import MadeTask
from adapters.contract.templates import check_templates_fit, task_of
from adapters.profiles.profile import Profile
from robustify.types import DEFAULT_TEMPLATE, Task

IMPORT = "tasks import"


def check_prompt(prompt: str) -> str:
    return clean(prompt, "The prompt", MAX_TEMPLATE_LENGTH)


class ImportParameters(BaseModel):
    """The task that a LoRA becomes a version of, and what the denoiser is told with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: TaskName
    labels: Labels
    template: Template = DEFAULT_TEMPLATE
    templates: Templates | None = None
    prompt: Annotated[str, AfterValidator(check_prompt)] | None = None

    @property
    def label_task(self) -> Task:
        return task_of(self.labels, self)


class LoraOrigin(Record):
    """Where a LoRA came from: its file by name and sha256, whose naming it had, and where its scale stood."""

    file: str
    sha256: str
    tensors: int
    namings: tuple[str, ...]
    scaling: str
    ranks: tuple[int, int]


class ImportedTask(Record):
    """A task with a version from elsewhere. `prompt`: what the denoiser is told; null where nothing says so."""

    task: MadeTask
    adaptation: str
    prompt: str | None
    origin: LoraOrigin | None


class ExportedTask(BaseModel):
    """A version of a task as a file, beside what was adapted: `models` names the models that it fits."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    name: TaskName
    labels: Labels
    template: Template
    templates: Templates | None = None
    version: int = Field(ge=1)
    adaptation: str
    profile: str | None
    models: str
    manifest: JsonObject

    @property
    def label_task(self) -> Task:
        return task_of(self.labels, self)


class Exported(Record):
    """What was written, and where."""

    task: str
    version: int
    adaptation: str
    folder: str
    files: int


def checked_import(values: Mapping[str, object], profile: Profile) -> ImportParameters:
    """What is asked; raises FieldsError with all that is wrong with the fields, alone or for this profile."""
    parameters, wrong = parse_fields(IMPORT, ImportParameters, values, strict=False)
    return accepted(parameters, wrong if parameters is None else check_import(parameters, profile))


def check_import(parameters: ImportParameters, profile: Profile) -> Iterator[FieldProblem]:
    """What the profile cannot do."""
    yield from check_templates_fit(parameters.labels, parameters)
    yield from check_prompts(parameters.label_task, profile)
    yield from check_changeable(profile)


def check_changeable(profile: Profile) -> Iterator[FieldProblem]:
    """Whether a task may have weights of its own."""
    if not is_trainable(profile):
        yield FieldProblem(
            field="profile",
            detail=f"Profile {profile.name} has no models that a task may have weights of its own for: a LoRA is for a "
            "super-resolution denoiser with a CLIP of open_clip.",
        )
