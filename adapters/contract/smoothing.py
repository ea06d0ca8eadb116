"""The parameters of a prediction and of a certificate: their bounds, their defaults, and what must fit together."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonValue

from adapters.contract.bounds import (
    DEFAULT_ALPHA,
    MAX_ALPHA,
    MAX_SELECTION_SAMPLES,
    MAX_SIGMA,
    MAX_TASK_LENGTH,
    MIN_ALPHA,
    MIN_SIGMA,
)
from adapters.contract.example import LABELS, TASK_NAME
from adapters.contract.fields import ANY, FieldProblem, not_both, sentence
from adapters.contract.labels import Labels, Template, Templates, class_indices
from adapters.contract.templates import ONE_KIND_OF_TEMPLATE
from adapters.profiles.profile import Profile
from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE

ONE_TASK: list[JsonValue] = [
    not_both(labels=ANY, task=ANY),
    not_both(task=ANY, template=ANY),
    not_both(task=ANY, templates=ANY),
    ONE_KIND_OF_TEMPLATE,
]
"""Of a JSON schema: the task is given by its labels or by its name; a stored one has its template."""

Sigma = Annotated[
    Annotated[float, Field(ge=MIN_SIGMA, le=MAX_SIGMA)] | None,
    Field(
        description="Standard deviation of the noise for pixels in [0, 1]; by default the profile's.", examples=[0.25]
    ),
]
Alpha = Annotated[
    float, Field(ge=MIN_ALPHA, le=MAX_ALPHA, description="Accepted probability of a wrong answer.", examples=[0.001])
]
SelectionSamples = Annotated[
    int, Field(ge=1, le=MAX_SELECTION_SAMPLES, description="Selection samples.", examples=[100])
]


class AskedParameters(BaseModel):
    """What may be asked of an image, whatever is asked; a field that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    labels: Labels | None = Field(
        None,
        description="The classes, in order; give these or `task`, or neither for all classes of a model that knows no "
        "others. They must differ in more than case, width, spaces, "
        "HTML entities and kinds of quotes, which the classifier does not see.",
        examples=[LABELS],
    )
    task: Annotated[str, Field(max_length=MAX_TASK_LENGTH)] | None = Field(
        None,
        description="A stored task in place of `labels` and `template`: its name or id, or NAME@VERSION for another "
        "version than the current one.",
        examples=[TASK_NAME, f"{TASK_NAME}@2"],
    )
    template: Template = DEFAULT_TEMPLATE
    templates: Templates | None = None
    classifier: Literal["default"] = Field(
        "default", description="The classifier behind the denoiser.", examples=["default"]
    )
    sigma: Sigma = None


class SmoothedParameters(AskedParameters):
    """What may be asked of any answer that rests on votes."""

    n: int
    alpha: Alpha = DEFAULT_ALPHA
    noise: Literal["gaussian", "lattice"] = Field(
        "gaussian",
        description="`lattice`: image and noise in whole grey levels, whose sum is exact, so that a certificate holds "
        "in floating point too, for the canonical tensor alone.",
        examples=["gaussian"],
    )


def check_label_count(parameters: AskedParameters, profile: Profile) -> Iterator[FieldProblem]:
    if parameters.labels is None and parameters.task is None and profile.class_names is not None:
        return
    if (parameters.labels is None) == (parameters.task is None):
        yield FieldProblem(field="labels", detail="Give either labels or a task.")
        return
    if parameters.task is not None and "template" in parameters.model_fields_set:
        yield FieldProblem(field="template", detail="The task has a template of its own; leave this one out.")
    if parameters.task is not None and parameters.templates is not None:
        yield FieldProblem(field="templates", detail="The task has templates of its own; leave these out.")
    if parameters.labels is not None and profile.classes not in (None, len(parameters.labels)):
        yield FieldProblem(
            field="labels",
            detail=f"Profile {profile.name} tells exactly {profile.classes} labels apart; give so many.",
        )
    elif parameters.labels is not None and profile.class_names is not None:
        yield from check_classes(parameters.labels, profile.class_names)


def check_classes(labels: Sequence[str], class_names: Sequence[str]) -> Iterator[FieldProblem]:
    """Whether the labels are all among the only classes that there are."""
    try:
        class_indices(class_names, labels)
    except InvalidInputError as error:
        yield FieldProblem(field="labels", detail=sentence(str(error)))


def check_enough(n: int, fewest: int) -> Iterator[FieldProblem]:
    if n < fewest:
        detail = f"With this alpha even unanimous votes would abstain; give at least {fewest}."
        yield FieldProblem(field="n", detail=detail)
