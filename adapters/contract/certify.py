"""What may be asked of /certify, and whether n samples can give it: an impossible request is refused beforehand."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict, JsonValue

from adapters.contract.bounds import (
    DEFAULT_ESTIMATION_SAMPLES,
    DEFAULT_SELECTION_SAMPLES,
    MAX_ESTIMATION_SAMPLES,
    MIN_RADIUS,
)
from adapters.contract.example import LABELS
from adapters.contract.fields import ANY, FieldProblem, not_both
from adapters.contract.smoothing import ONE_TASK, SelectionSamples, SmoothedParameters, check_enough
from robustify.smoothing.anytime import bound_so_far
from robustify.smoothing.multiclass import RIVALS_SHARE
from robustify.smoothing.planning import fewest_anytime_samples, fewest_samples_to_exceed
from robustify.smoothing.statistics import certified_radius, fewest_samples_to_certify, rounded_down
from robustify.types import Bound

CHOSEN_BOUND: JsonDict = {"enum": ["clopper-pearson", "multiclass"]}
ONE_AIM: list[JsonValue] = [
    not_both(target_radius=ANY, tolerance=ANY),
    not_both(target_radius=ANY, bound=CHOSEN_BOUND),
    not_both(tolerance=ANY, bound=CHOSEN_BOUND),
]
"""Of a JSON schema: a target radius or a tolerance, whose bound is no choice."""


class CertifyParameters(SmoothedParameters):
    """What may be asked of a certificate."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [*ONE_TASK, *ONE_AIM],
            "examples": [{"labels": [*LABELS], "sigma": 0.25, "n": 10000}],
        }
    )

    n: int = Field(
        DEFAULT_ESTIMATION_SAMPLES,
        ge=1,
        le=MAX_ESTIMATION_SAMPLES,
        description="Estimation samples, at most; so few that with this alpha every answer would be to abstain are "
        "refused.",
        examples=[10000],
    )
    n0: SelectionSamples = DEFAULT_SELECTION_SAMPLES
    target_radius: Annotated[float, Field(ge=MIN_RADIUS)] | None = Field(
        None,
        description="L2 radius that is wanted, for pixels of the canonical tensor in [0, 1]; it stops as soon as this "
        "radius is certified or out of reach. Refused where no votes could reach it with this n, alpha and sigma.",
        examples=[0.25],
    )
    tolerance: Annotated[float, Field(ge=MIN_RADIUS)] | None = Field(
        None,
        description="Instead of a target radius: it stops when more samples are unlikely to gain more radius.",
        examples=[0.01],
    )
    bound: Literal["auto", "clopper-pearson", "multiclass"] = Field(
        "auto",
        description="How the radius is bounded: by the class's votes alone (`clopper-pearson`), or by its rivals' too "
        "(`multiclass`, which `auto` is). With a target radius or a tolerance it is `anytime`, and only `auto` fits.",
        examples=["auto"],
    )

    @property
    def bound_used(self) -> Bound:
        if self.target_radius is not None or self.tolerance is not None:
            return Bound.ANYTIME
        return Bound.MULTICLASS if self.bound == "auto" else Bound(self.bound)


def check_certificate(parameters: CertifyParameters, sigma: float) -> Iterator[FieldProblem]:
    if parameters.target_radius is not None and parameters.tolerance is not None:
        yield FieldProblem(field="tolerance", detail="Give either a target radius or a tolerance.")
        return
    if parameters.bound_used is Bound.ANYTIME and parameters.bound != "auto":
        detail = "A target radius or a tolerance needs a bound that may be looked at early: leave this one out."
        yield FieldProblem(field="bound", detail=detail)
    if parameters.target_radius is not None:
        if why := why_out_of_reach(parameters.target_radius, parameters.n, parameters.alpha, sigma):
            yield FieldProblem(field="target_radius", detail=why)
    else:
        yield from check_enough(parameters.n, fewest_for_a_radius(parameters.alpha, parameters.bound_used))


def fewest_for_a_radius(alpha: float, bound: Bound) -> int:
    """The n below which even unanimous votes give no radius at all."""
    match bound:
        case Bound.CLOPPER_PEARSON:
            return fewest_samples_to_certify(alpha)
        case Bound.MULTICLASS:
            return fewest_samples_to_certify((1 - RIVALS_SHARE) * alpha)
        case Bound.ANYTIME:
            fewest = fewest_samples_to_exceed(0.5, alpha)
            assert fewest is not None
            return fewest


def why_out_of_reach(radius: float, n: int, alpha: float, sigma: float) -> str | None:
    """What to do about a target radius that not even unanimous votes of n samples certify; None where they do."""
    fewest = fewest_anytime_samples(radius, sigma, alpha)
    if fewest is not None and fewest <= n:
        return None
    largest = certified_radius(bound_so_far(n, n, n, alpha), sigma) or 0.0
    return f"With this n, alpha and sigma at most {rounded_down(largest)} can be certified; {remedy(fewest)}."


def remedy(fewest: int | None) -> str:
    if fewest is None:
        return "no number of samples would do: raise sigma, or ask for less"
    if fewest > MAX_ESTIMATION_SAMPLES:
        return f"it takes an n of {fewest}, above the {MAX_ESTIMATION_SAMPLES} allowed: raise sigma, or ask for less"
    return f"it takes an n of at least {fewest}: raise n or sigma, or ask for less"
