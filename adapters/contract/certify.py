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
from adapters.contract.label_sets import EXAMPLE, MAX_LABELS_IN_ALL, LabelSets
from adapters.contract.sigmas import EXAMPLE as SIGMAS
from adapters.contract.sigmas import Sigmas, check_copies
from adapters.contract.smoothing import ONE_TASK, SelectionSamples, SmoothedParameters, check_enough
from robustify.smoothing.anytime import bound_so_far
from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.multiclass import RIVALS_SHARE
from robustify.smoothing.planning import fewest_anytime_samples, fewest_fixed_samples, fewest_samples_to_exceed
from robustify.smoothing.statistics import (
    certified_radius,
    fewest_samples_to_certify,
    largest_radius,
    rounded_down,
)
from robustify.types import Bound

CHOSEN_BOUND: JsonDict = {"enum": ["clopper-pearson", "multiclass"]}
ONE_AIM: list[JsonValue] = [
    not_both(target_radius=ANY, tolerance=ANY),
    not_both(target_radius=ANY, bound=CHOSEN_BOUND),
    not_both(tolerance=ANY, bound=CHOSEN_BOUND),
]
"""Of a JSON schema: a target radius or a tolerance, whose bound is no choice."""
ONE_OR_MANY: list[JsonValue] = [
    not_both(label_sets=ANY, labels=ANY),
    not_both(label_sets=ANY, task=ANY),
    not_both(label_sets=ANY, target_radius=ANY),
    not_both(label_sets=ANY, tolerance=ANY),
    not_both(sigmas=ANY, sigma=ANY),
    not_both(sigmas=ANY, label_sets=ANY),
    not_both(sigmas=ANY, target_radius=ANY),
    not_both(sigmas=ANY, tolerance=ANY),
]
"""Of a JSON schema: one label set or several, or one sigma or several, all of which are looked at once."""
NOT_EARLY = "Several label sets are looked at once, when all samples are counted: leave this out, or ask about one set."
NOT_EARLY_EITHER = (
    "Several sigmas are looked at once, when all samples are counted: leave this out, or ask at one sigma."
)
ONE_OF_BOTH = "Give either a sigma or several."
ONE_SET = "Several sigmas are asked about one label set: ask about each set by itself, or at one sigma."


class CertifyParameters(SmoothedParameters):
    """What may be asked of a certificate."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [*ONE_TASK, *ONE_AIM, *ONE_OR_MANY],
            "examples": [{"labels": [*LABELS], "sigma": 0.25, "n": 10000}],
        }
    )

    label_sets: LabelSets | None = Field(
        None,
        description="Instead of `labels`: several label sets, about all of which one certificate says something. Each "
        f"is as `labels`, and has the templates; they have at most {MAX_LABELS_IN_ALL} labels together. alpha is "
        "shared, so that all claims hold together. For classifiers whose classes are words.",
        examples=[EXAMPLE],
    )
    sigmas: Sigmas | None = Field(
        None,
        description="Instead of `sigma`: several, of which the one with the largest radius answers. Each sample is a "
        "noisy copy at every sigma, so that they cost as many times what one does; alpha is shared. The order does not "
        "matter.",
        examples=[SIGMAS],
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

    @property
    def alpha_each(self) -> float:
        """What each of its claims may be wrong with: about a label set, or at a sigma."""
        return shared_alpha(self.alpha, len(self.label_sets or self.sigmas or (None,)))

    @property
    def copies(self) -> int:
        """Noisy copies of each sample: one at every sigma."""
        return len(self.sigmas or (None,))


def check_certificate(parameters: CertifyParameters, sigma: float) -> Iterator[FieldProblem]:
    if parameters.label_sets is not None and (parameters.labels is not None or parameters.task is not None):
        yield FieldProblem(field="label_sets", detail="Give one of these: labels, a task or label sets.")
    if parameters.target_radius is not None and parameters.tolerance is not None:
        yield FieldProblem(field="tolerance", detail="Give either a target radius or a tolerance.")
        return
    if parameters.bound_used is Bound.ANYTIME and parameters.bound != "auto":
        detail = "A target radius or a tolerance needs a bound that may be looked at early: leave this one out."
        yield FieldProblem(field="bound", detail=detail)
    if parameters.sigmas is not None:
        yield from check_cascade(parameters)
    if parameters.label_sets is not None and parameters.bound_used is Bound.ANYTIME:
        yield FieldProblem(field=aim_of(parameters), detail=NOT_EARLY)
    elif parameters.sigmas is not None and parameters.bound_used is Bound.ANYTIME:
        yield FieldProblem(field=aim_of(parameters), detail=NOT_EARLY_EITHER)
    elif parameters.target_radius is not None:
        if why := why_out_of_reach(parameters.target_radius, parameters.n, parameters.alpha, sigma):
            yield FieldProblem(field="target_radius", detail=why)
    else:
        yield from check_enough(parameters.n, fewest_for_a_radius(parameters.alpha_each, parameters.bound_used))


def check_cascade(parameters: CertifyParameters) -> Iterator[FieldProblem]:
    """What does not go with several sigmas."""
    if parameters.sigma is not None:
        yield FieldProblem(field="sigmas", detail=ONE_OF_BOTH)
    if parameters.label_sets is not None:
        yield FieldProblem(field="sigmas", detail=ONE_SET)
    yield from check_copies(parameters.copies, parameters.n, parameters.n0)


def aim_of(parameters: CertifyParameters) -> str:
    """The field that makes a certificate stop early."""
    return "tolerance" if parameters.target_radius is None else "target_radius"


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


def why_out_of_reach_at_once(radius: float, n: int, alpha: float, sigma: float) -> str | None:
    """The same of a certificate that is looked at once, when all samples are counted."""
    largest = largest_radius(n, alpha, sigma) or 0.0
    if largest >= radius:
        return None
    fewest = fewest_fixed_samples(radius, sigma, alpha)
    return f"With this n, alpha and sigma at most {rounded_down(largest)} can be certified; {remedy(fewest)}."


def remedy(fewest: int | None) -> str:
    if fewest is None:
        return "no number of samples would do: raise sigma, or ask for less"
    if fewest > MAX_ESTIMATION_SAMPLES:
        return f"it takes an n of {fewest}, above the {MAX_ESTIMATION_SAMPLES} allowed: raise sigma, or ask for less"
    return f"it takes an n of at least {fewest}: raise n or sigma, or ask for less"
