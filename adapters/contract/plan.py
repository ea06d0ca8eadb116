"""What a radius costs, fixed and adaptive, before it is asked for: no image and no model is needed."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.bounds import (
    DEFAULT_ALPHA,
    DEFAULT_ESTIMATION_SAMPLES,
    DEFAULT_SELECTION_SAMPLES,
    MAX_ESTIMATION_SAMPLES,
    MAX_LABEL_SETS,
    MAX_SIGMAS,
    MIN_RADIUS,
)
from adapters.contract.certify import ONE_SET, why_out_of_reach, why_out_of_reach_at_once
from adapters.contract.fields import FieldProblem, accepted, parse_fields
from adapters.contract.looks import anytime_looks, selection_looks
from adapters.contract.sigmas import check_copies
from adapters.contract.smoothing import Alpha, SelectionSamples, Sigma
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.smoothing.anytime import target_test
from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.looks import Looks
from robustify.smoothing.planning import (
    Forecast,
    chance_of_fixed,
    fewest_anytime_samples,
    fewest_fixed_samples,
    forecast,
    forecast_selection,
)
from robustify.smoothing.statistics import required_probability

Probability = Annotated[float, Field(gt=0, le=1, examples=[0.99])]
DEFAULT_PROBABILITIES = (0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
MAX_PROBABILITIES = 20
REMEMBERED = 4096
"""Forecasts, of some numbers each."""


class PlanParameters(BaseModel):
    """What may be asked of a plan."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"target_radius": 0.25, "sigma": 0.25, "p": [0.99]}]},
    )

    target_radius: float = Field(
        ge=MIN_RADIUS, description="L2 radius that is wanted, for pixels of the canonical tensor.", examples=[0.25]
    )
    sigma: Sigma = None
    n: int = Field(
        DEFAULT_ESTIMATION_SAMPLES,
        ge=1,
        le=MAX_ESTIMATION_SAMPLES,
        description="Estimation samples, at most.",
        examples=[10000],
    )
    n0: SelectionSamples = DEFAULT_SELECTION_SAMPLES
    alpha: Alpha = DEFAULT_ALPHA
    p: Annotated[list[Probability], Field(min_length=1, max_length=MAX_PROBABILITIES)] = Field(
        list(DEFAULT_PROBABILITIES),
        description="Probabilities that a noisy copy of the image gets the class: what is not known beforehand.",
        examples=[[0.99]],
    )
    label_sets: int = Field(
        1,
        ge=1,
        le=MAX_LABEL_SETS,
        description="Label sets of one certificate, which share alpha; several have no target radius.",
        examples=[1],
    )
    sigmas: int = Field(
        1,
        ge=1,
        le=MAX_SIGMAS,
        description="Sigmas of one certificate, which share alpha: `sigma` is the one that is reckoned with, and all "
        "samples are drawn at each. Several have no target radius.",
        examples=[1],
    )
    samples_per_second: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Speed to reckon with; by default what the live workers measured.", examples=[180]
    )

    @property
    def claims(self) -> int:
        """Of one certificate."""
        return max(self.label_sets, self.sigmas)

    @property
    def alpha_each(self) -> float:
        """What each of its claims may be wrong with."""
        return shared_alpha(self.alpha, self.claims)


class FixedCost(BaseModel):
    """Of a certificate without a target: all samples, whatever p is."""

    certified: float = Field(description="Probability that it has at least this radius.", examples=[1.0])
    samples: int = Field(description="Of selection and estimation.", examples=[10100])
    seconds: float | None = Field(description="Null where no speed is known.", examples=[56.11])


class AdaptiveCost(BaseModel):
    """Of a certificate with the target radius: how likely each end is, and the mean of the samples."""

    certified: float = Field(description="Probability that the radius is certified.", examples=[1.0])
    not_certified: float = Field(description="That it is shown to be out of reach.", examples=[4.6e-20])
    undecided: float = Field(description="That all samples leave it open.", examples=[0.0])
    samples: float = Field(description="Of selection and estimation, on average.", examples=[89.3])
    seconds: float | None = Field(description="Null where no speed is known.", examples=[0.5])


class Cost(BaseModel):
    """For a class of probability p."""

    p: float = Field(description="Probability that a noisy copy of the image gets the class.", examples=[0.99])
    fixed: FixedCost = Field(
        description="Of several label sets or sigmas: how likely each is certified with its share of alpha, and what "
        "all of them take."
    )
    adaptive: AdaptiveCost | None = Field(
        description="Null for several label sets or sigmas, which are looked at once."
    )


class Fewest(BaseModel):
    """Estimation samples below which not even unanimous votes certify the radius."""

    fixed: int | None = Field(description="Without a target; null where no number would do.", examples=[40])
    adaptive: int | None = Field(
        description="With the target; null where no number would do, and for several label sets or sigmas.",
        examples=[48],
    )


class Plan(BaseModel):
    """What the radius costs."""

    target_radius: float = Field(description="The radius that is wanted.", examples=[0.25])
    sigma: float = Field(description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.25])
    n: int = Field(description="Estimation samples, at most.", examples=[10000])
    n0: int = Field(description="Selection samples.", examples=[100])
    alpha: float = Field(description="Accepted probability of a wrong answer.", examples=[0.001])
    label_sets: int = Field(description="Label sets of one certificate, which share alpha.", examples=[1])
    sigmas: int = Field(description="Sigmas of one certificate, which share alpha.", examples=[1])
    p_needed: float = Field(description="The probability that the class must have.", examples=[0.8413447463105137])
    fewest: Fewest
    samples_per_second: float | None = Field(
        description="The speed that was reckoned with; null where none is known.", examples=[180.0]
    )
    costs: Sequence[Cost] = Field(description="For each p that was asked for.")


def checked_plan(values: Mapping[str, object], strict: bool, profile: Profile) -> PlanParameters:
    """What is asked; raises FieldsError with all that is wrong with the fields, alone or for this profile."""
    parameters, wrong = parse_fields("/plan", PlanParameters, values, strict)
    return accepted(parameters, wrong if parameters is None else misfits(parameters, profile))


def misfits(parameters: PlanParameters, profile: Profile) -> list[FieldProblem]:
    """What is wrong with parameters that are each in range."""
    sigma = parameters.sigma or profile.default_sigma
    reach = why_out_of_reach if parameters.claims == 1 else why_out_of_reach_at_once
    if parameters.label_sets > 1 and parameters.sigmas > 1:
        return [FieldProblem(field="sigmas", detail=ONE_SET)]
    if too_many := list(check_copies(parameters.sigmas, parameters.n, parameters.n0)):
        return too_many
    why = reach(parameters.target_radius, parameters.n, parameters.alpha_each, sigma)
    return [FieldProblem(field="target_radius", detail=why)] if why else []


def plan(parameters: PlanParameters, profile: Profile, settings: Settings, speed: float | None = None) -> Plan:
    """The costs of a radius that is within reach; `speed` in samples a second, where the request has none."""
    radius, alpha, sigma = parameters.target_radius, parameters.alpha_each, parameters.sigma or profile.default_sigma
    adaptive = fewest_anytime_samples(radius, sigma, alpha) if parameters.claims == 1 else None
    known = parameters.model_copy(update={"sigma": sigma, "samples_per_second": parameters.samples_per_second or speed})
    return Plan(
        target_radius=radius,
        sigma=sigma,
        n=known.n,
        n0=known.n0,
        alpha=known.alpha,
        label_sets=known.label_sets,
        sigmas=known.sigmas,
        p_needed=required_probability(radius, sigma),
        fewest=Fewest(fixed=fewest_fixed_samples(radius, sigma, alpha), adaptive=adaptive),
        samples_per_second=known.samples_per_second,
        costs=[cost(known, sigma, profile, settings, p) for p in known.p],
    )


def cost(parameters: PlanParameters, sigma: float, profile: Profile, settings: Settings, p: float) -> Cost:
    radius, n, copies = parameters.target_radius, parameters.n, parameters.sigmas * (parameters.n0 + parameters.n)
    fixed = FixedCost(
        certified=chance_of_fixed(radius, sigma, parameters.alpha_each, n, p),
        samples=copies,
        seconds=seconds_of(copies, parameters.samples_per_second),
    )
    adaptive = adaptive_cost(parameters, sigma, profile, settings, p) if parameters.claims == 1 else None
    return Cost(p=p, fixed=fixed, adaptive=adaptive)


def adaptive_cost(
    parameters: PlanParameters, sigma: float, profile: Profile, settings: Settings, p: float
) -> AdaptiveCost:
    """Of one label set."""
    radius, alpha, n, n0 = parameters.target_radius, parameters.alpha, parameters.n, parameters.n0
    found = remembered_forecast(radius, sigma, alpha, anytime_looks(profile, settings), n, p)
    samples = remembered_selection(n0, selection_looks(profile, settings), p) + found.samples
    return AdaptiveCost(
        certified=chance(found.certified),
        not_certified=chance(found.not_certified),
        undecided=chance(found.undecided),
        samples=samples,
        seconds=seconds_of(samples, parameters.samples_per_second),
    )


@lru_cache(maxsize=REMEMBERED)
def remembered_forecast(radius: float, sigma: float, alpha: float, looks: Looks, n: int, p: float) -> Forecast:
    """A thousand looks take a tenth of a second, and the same is asked again and again."""
    return forecast(target_test(radius, sigma, alpha, looks.ends(n)), p)


@lru_cache(maxsize=REMEMBERED)
def remembered_selection(n0: int, looks: Looks, p: float) -> float:
    return forecast_selection(n0, looks, p)


def chance(computed: float) -> float:
    """A sum of many chances may be a rounding above 1."""
    return min(1.0, computed)


def seconds_of(samples: float, speed: float | None) -> float | None:
    return None if speed is None else round(samples / speed, 2)
