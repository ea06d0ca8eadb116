"""The parameters of a prediction and of a certificate: their bounds, their defaults, and what must fit together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.bounds import (
    DEFAULT_ALPHA,
    DEFAULT_ESTIMATION_SAMPLES,
    DEFAULT_PREDICT_SAMPLES,
    DEFAULT_SELECTION_SAMPLES,
    MAX_ALPHA,
    MAX_ESTIMATION_SAMPLES,
    MAX_PREDICT_SAMPLES,
    MAX_SELECTION_SAMPLES,
    MAX_SIGMA,
    MAX_TASK_LENGTH,
    MIN_ALPHA,
    MIN_RADIUS,
    MIN_SIGMA,
)
from adapters.contract.fields import FieldProblem, parse_fields, sentence
from adapters.contract.labels import Labels, Template, class_indices
from adapters.contract.records import JobKind
from adapters.profiles.profile import Profile
from robustify.errors import InvalidInputError
from robustify.smoothing.anytime import bound_so_far
from robustify.smoothing.multiclass import RIVALS_SHARE
from robustify.smoothing.planning import fewest_anytime_samples, fewest_samples_to_exceed
from robustify.smoothing.statistics import (
    certified_radius,
    fewest_samples_to_certify,
    fewest_samples_to_predict,
    rounded_down,
)
from robustify.types import DEFAULT_TEMPLATE, Bound


class SmoothedParameters(BaseModel):
    """What may be asked of any answer; a field that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    labels: Labels | None = Field(
        None,
        description="The classes, in order; give these or `task`, or neither for all classes of a model that knows no "
        "others. They must differ in more than case, width, spaces, "
        "HTML entities and kinds of quotes, which the classifier does not see.",
    )
    task: Annotated[str, Field(max_length=MAX_TASK_LENGTH)] | None = Field(
        None,
        description="A stored task in place of `labels` and `template`: its name or id, or NAME@VERSION for another "
        "version than the current one.",
    )
    template: Template = DEFAULT_TEMPLATE
    classifier: Literal["default"] = Field("default", description="The classifier behind the denoiser.")
    sigma: Annotated[float, Field(ge=MIN_SIGMA, le=MAX_SIGMA)] | None = Field(
        None, description="Standard deviation of the noise for pixels in [0, 1]; by default the profile's."
    )
    n: int
    alpha: float = Field(
        DEFAULT_ALPHA, ge=MIN_ALPHA, le=MAX_ALPHA, description="Accepted probability of a wrong answer."
    )
    noise: Literal["gaussian", "lattice"] = Field(
        "gaussian",
        description="`lattice`: image and noise in whole grey levels, whose sum is exact, so that a certificate holds "
        "in floating point too, for the canonical tensor alone.",
    )


class PredictParameters(SmoothedParameters):
    """What may be asked of a prediction."""

    n: int = Field(
        DEFAULT_PREDICT_SAMPLES,
        ge=1,
        le=MAX_PREDICT_SAMPLES,
        description="Samples, at most; so few that with this alpha every answer would be to abstain are refused.",
    )
    test: Literal["sequential", "fixed"] = Field(
        "sequential",
        description="`sequential` stops as soon as the answer is clear; `fixed` always takes n samples.",
    )


class CertifyParameters(SmoothedParameters):
    """What may be asked of a certificate."""

    n: int = Field(
        DEFAULT_ESTIMATION_SAMPLES,
        ge=1,
        le=MAX_ESTIMATION_SAMPLES,
        description="Estimation samples, at most; so few that with this alpha every answer would be to abstain are "
        "refused.",
    )
    n0: int = Field(DEFAULT_SELECTION_SAMPLES, ge=1, le=MAX_SELECTION_SAMPLES, description="Selection samples.")
    target_radius: Annotated[float, Field(ge=MIN_RADIUS)] | None = Field(
        None,
        description="L2 radius that is wanted, for pixels of the canonical tensor in [0, 1]; it stops as soon as this "
        "radius is certified or out of reach. Refused where no votes could reach it with this n, alpha and sigma.",
    )
    tolerance: Annotated[float, Field(ge=MIN_RADIUS)] | None = Field(
        None, description="Instead of a target radius: it stops when more samples could gain no more radius than this."
    )
    bound: Literal["auto", "clopper-pearson", "multiclass"] = Field(
        "auto",
        description="How the radius is bounded: by the class's votes alone (`clopper-pearson`), or by its rivals' too "
        "(`multiclass`, which `auto` is). With a target radius or a tolerance it is `anytime`, and only `auto` fits.",
    )

    @property
    def bound_used(self) -> Bound:
        if self.target_radius is not None or self.tolerance is not None:
            return Bound.ANYTIME
        return Bound.MULTICLASS if self.bound == "auto" else Bound(self.bound)


PARAMETERS: Mapping[JobKind, type[SmoothedParameters]] = {
    JobKind.PREDICT: PredictParameters,
    JobKind.CERTIFY: CertifyParameters,
}


def parse_parameters(
    kind: JobKind, values: Mapping[str, object], strict: bool
) -> tuple[SmoothedParameters | None, list[FieldProblem]]:
    """As `parse_fields`, with the image among the fields that are known."""
    model = PARAMETERS[kind]
    return parse_fields(f"/{kind}", model, values, strict, known=("image", *model.model_fields))


def check_fit(parameters: SmoothedParameters, profile: Profile) -> Iterator[FieldProblem]:
    """What is wrong with parameters that are each in range."""
    yield from check_label_count(parameters, profile)
    if isinstance(parameters, CertifyParameters):
        yield from check_certificate(parameters, parameters.sigma or profile.default_sigma)
    else:
        yield from check_enough(parameters.n, fewest_samples_to_predict(parameters.alpha))


def check_label_count(parameters: SmoothedParameters, profile: Profile) -> Iterator[FieldProblem]:
    if parameters.labels is None and parameters.task is None and profile.class_names is not None:
        return
    if (parameters.labels is None) == (parameters.task is None):
        yield FieldProblem(field="labels", detail="Give either labels or a task.")
        return
    if parameters.task is not None and "template" in parameters.model_fields_set:
        yield FieldProblem(field="template", detail="The task has a template of its own; leave this one out.")
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


def check_enough(n: int, fewest: int) -> Iterator[FieldProblem]:
    if n < fewest:
        detail = f"With this alpha even unanimous votes would abstain; give at least {fewest}."
        yield FieldProblem(field="n", detail=detail)


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
