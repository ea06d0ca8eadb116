"""Tasks from elsewhere and for elsewhere: what is asked of an import, and what is written and told of them."""

import re
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
from adapters.profiles.manifest import is_pickle
from adapters.profiles.profile import Profile
from robustify.types import DEFAULT_TEMPLATE, Task

IMPORT = "tasks import"
SAFETENSORS = ".safetensors"
REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


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


class WantedLora(Record):
    """A file of a repository of the model hub. `revision`: a commit, tag or branch; None for the newest. `file`: None
    where there is no choice."""

    repo: str
    revision: str | None = None
    file: str | None = None


class LoraRepository(Record):
    """A file of a repository of the model hub, at the commit that was read."""

    repo: str
    revision: str
    file: str


class LoraOrigin(Record):
    """Where a LoRA came from: its file by name and sha256, whose naming it had, and where its scale stood.

    `repository`: None where the file was the user's own.
    """

    file: str
    sha256: str
    tensors: int
    namings: tuple[str, ...]
    scaling: str
    ranks: tuple[int, int]
    repository: LoraRepository | None = None


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


def is_repository(text: str) -> bool:
    """Whether it reads as OWNER/NAME, and not as the path of a file of tensors."""
    return REPOSITORY.fullmatch(text) is not None and not (text.endswith(SAFETENSORS) or is_pickle(text))


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
            "super-resolution denoiser, or PRXPixel, with a CLIP of open_clip.",
        )
