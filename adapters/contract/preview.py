"""What may be asked of /preview, and what it costs."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonValue

from adapters.contract.bounds import MAX_CHANGE, MAX_DRAW, MIN_RADIUS
from adapters.contract.example import LABELS
from adapters.contract.fields import ANY, FieldProblem, given
from adapters.contract.jobs import PreviewRequest
from adapters.contract.records import Direction
from adapters.contract.smoothing import ONE_TASK, AskedParameters
from adapters.profiles.kinds import has_gradients
from adapters.profiles.profile import Profile

ATTACK_STEPS = 10
"""Of the short attack; each is one gradient, of one noisy copy."""
SAMPLES_OF_A_STEP = 3
"""What a gradient costs, in samples: the way forward, and the way back, which takes about twice as long."""
SAMPLES_OF_A_COPY = 2
"""The noisy copy is denoised and classified, and the image and the copy are classified as they are."""
BOTH_OR_NEITHER: list[JsonValue] = [
    {"anyOf": [{"not": given(radius=ANY)}, given(direction=ANY)]},
    {"anyOf": [{"not": given(direction=ANY)}, given(radius=ANY)]},
]
"""Of a JSON schema."""


class PreviewParameters(AskedParameters):
    """What may be asked of a preview."""

    model_config = ConfigDict(
        json_schema_extra={"allOf": [*ONE_TASK, *BOTH_OR_NEITHER], "examples": [{"labels": [*LABELS], "sigma": 0.25}]}
    )

    draw: int = Field(
        0, ge=0, le=MAX_DRAW, description="Which noisy copy is shown; each has noise of its own.", examples=[0]
    )
    radius: Annotated[float, Field(ge=MIN_RADIUS, le=MAX_CHANGE)] | None = Field(
        None,
        description="Also change the image by exactly this L2 length, for pixels in [0, 1]; with `direction`.",
        examples=[0.443],
    )
    direction: Literal["random", "worst"] | None = Field(
        None,
        description="Where the image is changed to, with `radius`: a random direction, or the worst that an attack of "
        f"{ATTACK_STEPS} steps finds, for models that have gradients.",
        examples=["random"],
    )


def check_change(parameters: PreviewParameters, profile: Profile) -> Iterator[FieldProblem]:
    """Whether radius and direction fit together, and the models can be attacked."""
    if parameters.radius is not None and parameters.direction is None:
        yield FieldProblem(field="direction", detail="A radius needs a direction: give random or worst.")
    if parameters.direction is not None and parameters.radius is None:
        yield FieldProblem(field="radius", detail="A direction needs a radius: give the L2 length of the change.")
    if parameters.direction == "worst" and not has_gradients(profile.classifier):
        yield FieldProblem(
            field="direction",
            detail=f"The classifier of profile {profile.name} has no gradients that an attack could follow: give "
            "random, or ask another profile.",
        )


def steps_of(request: PreviewRequest) -> int:
    """Of the attack; 0 where there is none."""
    return ATTACK_STEPS if request.direction is Direction.WORST else 0


def cost_of(request: PreviewRequest) -> int:
    """In samples; the changed copy is one more."""
    return SAMPLES_OF_A_COPY + (request.direction is not None) + SAMPLES_OF_A_STEP * steps_of(request)
