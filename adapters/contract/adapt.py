"""The parameters of an adaptation: their bounds, and the profile's defaults."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from adapters.contract.access import KEYLESS
from adapters.contract.bounds import MAX_NAME_LENGTH
from adapters.contract.example import LABELS, TASK_NAME
from adapters.contract.fields import FieldProblem, accepted, parse_fields
from adapters.contract.jobs import AdaptRequest
from adapters.contract.labels import ID_LETTERS, Labels, Template, Templates, case_folded, clean
from adapters.contract.prompts import check_prompts
from adapters.contract.records import JobKind
from adapters.contract.templates import ONE_KIND_OF_TEMPLATE, check_templates_fit, task_of
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.profile import ADAPTABLE, Profile
from adapters.settings import Settings
from robustify.types import DEFAULT_TEMPLATE

NAME_CATEGORIES = ("L", "M", "N")
NAME_MARKS = " -_.,()'&+"
HEX_DIGITS = frozenset("0123456789abcdef")
MAX_SHOTS = 16
MAX_STEPS = 10_000
MAX_BATCH = 1024
MAX_RANK = 64
MAX_SEED = 2**31 - 1
Rate = Annotated[float, Field(gt=0, le=0.1)]
SYNTHESIZE, PERSONALIZE, FINE_TUNE, EVALUATE = "synthesize", "personalize", "fine-tune", "evaluate"
BEFORE, AFTER = "before", "after"
VARIANTS = (BEFORE, AFTER)
SIGMAS = (0.25, 0.5)
MOST_IMAGES = 40
"""The first held-back references are judged: one of each label, another of each, and so on."""


def check_name(name: str) -> str:
    """A name that can stand in an address: letters and digits of any script, and few marks."""
    cleaned = " ".join(clean(name, "The name", MAX_NAME_LENGTH).split())
    if not cleaned[:1].isalnum() or not all(is_allowed(character) for character in cleaned):
        raise _refusal(
            f"A name begins with a letter or a digit and has letters, digits and {NAME_MARKS.strip()} only: no slashes "
            "and no emoji."
        )
    if looks_like_id(case_folded(cleaned)):
        raise _refusal(f"A name must not look like an id, which has {ID_LETTERS} hexadecimal digits.")
    return cleaned


def is_allowed(character: str) -> bool:
    return character in NAME_MARKS or unicodedata.category(character).startswith(NAME_CATEGORIES)


def looks_like_id(text: str) -> bool:
    return len(text) == ID_LETTERS and not set(text) - HEX_DIGITS


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("name", "{message}", {"message": message})


TaskName = Annotated[str, AfterValidator(check_name)]


class AdaptParameters(BaseModel):
    """What may be asked of an adaptation; what is not given is the profile's default."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        json_schema_extra={
            "allOf": [ONE_KIND_OF_TEMPLATE],
            "examples": [{"name": TASK_NAME, "labels": [*LABELS], "shots": 4, "steps": 120}],
        },
    )

    name: TaskName = Field(
        description="Stands for the task in `task` and in addresses; case and width do not tell names apart.",
        examples=[TASK_NAME],
        json_schema_extra={"minLength": 1, "maxLength": MAX_NAME_LENGTH},
    )
    labels: Labels = Field(description="The classes, in order.", examples=[LABELS])
    template: Template = DEFAULT_TEMPLATE
    templates: Templates | None = None
    shots: int | None = Field(
        None, ge=1, le=MAX_SHOTS, description="Reference images of each label to adapt with.", examples=[4]
    )
    held_back: int | None = Field(
        None,
        ge=1,
        le=MAX_SHOTS,
        description="Reference images of each label to judge the adaptation by.",
        examples=[4],
    )
    seed: int = Field(
        0,
        ge=0,
        le=MAX_SEED,
        description="The same request with the same seed makes the same models.",
        examples=[0],
    )
    steps: int | None = Field(
        None,
        ge=0,
        le=MAX_STEPS,
        description="Steps of personalising the denoiser; 0, and no `fine_tuning_steps`: register the labels only.",
        examples=[120],
    )
    batch_size: int | None = Field(None, ge=1, le=MAX_BATCH, description="Images of one such step.", examples=[24])
    learning_rate: Rate | None = Field(None, description="Of the denoiser.", examples=[3e-4])
    guidance_weight: Annotated[float, Field(ge=0, le=10)] | None = Field(
        None, description="Weight of the classifier's loss in personalisation (lambda).", examples=[0.01]
    )
    rank: int | None = Field(None, ge=1, le=MAX_RANK, description="Rank of the denoiser's LoRA.", examples=[4])
    fine_tuning_steps: int | None = Field(
        None, ge=0, le=MAX_STEPS, description="Steps of fine-tuning the classifier.", examples=[60]
    )
    fine_tuning_batch_size: int | None = Field(
        None, ge=1, le=MAX_BATCH, description="Images of one such step.", examples=[40]
    )
    fine_tuning_learning_rate: Rate | None = Field(None, description="Of the classifier.", examples=[5e-4])
    fine_tuning_mix: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Share of the fine-tuned weights in the classifier that serves; the rest is from the one before.",
        examples=[0.3],
    )
    publish: Literal["if-no-worse", "always"] = Field(
        "if-no-worse",
        description="Whether a version that did worse on held-back references answers all the same.",
        examples=["if-no-worse"],
    )


def checked_adaptation(
    values: Mapping[str, object], strict: bool, profile: Profile, synthesizes: bool = True
) -> AdaptParameters:
    """What is asked; raises FieldsError with all that is wrong with the fields, alone or for this profile.

    `synthesizes`: whether the references are made of the labels; else they are there already.
    """
    parameters, wrong = parse_fields(f"/{JobKind.ADAPT}", AdaptParameters, values, strict)
    return accepted(parameters, wrong if parameters is None else check_profile(parameters, profile, synthesizes))


def check_profile(parameters: AdaptParameters, profile: Profile, synthesizes: bool = True) -> Iterator[FieldProblem]:
    """What the profile cannot do."""
    yield from check_templates_fit(parameters.labels, parameters, profile.templates)
    yield from check_prompts(task_of(parameters.labels, parameters, profile.templates), profile)
    if profile.classifier != "clip":
        yield FieldProblem(
            field="labels",
            detail=f"Profile {profile.name} does not read labels: no task can be stored for it; serve another profile.",
        )
    elif not synthesizes:
        yield from check_own_references(parameters, profile)
    elif not profile.can_adapt and (parameters.steps != 0 or parameters.fine_tuning_steps):
        yield FieldProblem(
            field="steps",
            detail=f"Profile {profile.name} has no text-to-image model to make references with: give 0, and no "
            "fine_tuning_steps, to store the labels alone.",
        )


def check_own_references(parameters: AdaptParameters, profile: Profile) -> Iterator[FieldProblem]:
    """Whether there is something to learn from the user's own pictures, and anything that can."""
    if parameters.steps == 0 and not parameters.fine_tuning_steps:
        yield FieldProblem(
            field="steps", detail="With 0 steps nothing is learned from references: give more, or no references."
        )
    if not is_trainable(profile):
        yield FieldProblem(
            field="references",
            detail=f"Profile {profile.name} has no models that can learn: a super-resolution denoiser or PRXPixel "
            "with a CLIP of open_clip can; serve another profile.",
        )


def is_trainable(profile: Profile) -> bool:
    """Whether a task may have weights of its own, wherever its references or its LoRA come from."""
    return profile.denoiser in ADAPTABLE and profile.classifier == "clip" and profile.folder is not None


def adapt_request(
    parameters: AdaptParameters, profile: Profile, settings: Settings, owner: str = KEYLESS
) -> AdaptRequest:
    """The request with all defaults filled in."""
    given: Mapping[str, object] = parameters.model_dump(exclude_none=True)
    defaults = profile.adaptation.fitted(parameters.shots or profile.adaptation.shots)
    values = {
        name: given.get(name, getattr(defaults, name)) for name in AdaptRequest.model_fields if hasattr(defaults, name)
    }
    if parameters.steps == 0 and parameters.fine_tuning_steps is None:
        values["fine_tuning_steps"] = 0
    task = task_of(parameters.labels, parameters, profile.templates)
    return AdaptRequest(
        **{**given, **values, "labels": task.labels, "template": task.template, "templates": task.templates},
        owner=owner,
        profile=profile.name,
        engine=engine_digest(profile, settings),
        models=profile.model_digest,
    )


def stage_steps(request: AdaptRequest, synthesizes: bool = True) -> Mapping[str, int]:
    """How many steps each stage has; none to make references where they are there already."""
    images = len(request.labels) * request.held_back
    return {
        SYNTHESIZE: len(request.labels) * request.shots + images if synthesizes else 0,
        PERSONALIZE: request.steps,
        FINE_TUNE: request.fine_tuning_steps,
        EVALUATE: judgements(images),
    }


def total_steps(request: AdaptRequest) -> int:
    """All steps of a request; 0 where nothing is adapted."""
    return sum(stage_steps(request).values()) if request.adapts else 0


def judgements(images: int) -> int:
    """How many images are judged, each sigma and variant counted."""
    return min(images, MOST_IMAGES) * len(SIGMAS) * len(VARIANTS)
