"""Several sigmas in one certificate, of which the one with the largest radius answers: what may be asked."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from adapters.contract.bounds import (
    MAX_ESTIMATION_SAMPLES,
    MAX_SELECTION_SAMPLES,
    MAX_SIGMA,
    MAX_SIGMAS,
    MIN_SIGMA,
    MIN_SIGMAS,
)
from adapters.contract.fields import FieldProblem
from adapters.contract.label_sets import MAX_LABELS_IN_ALL

FIELD = "sigmas"
EXAMPLE = [0.25, 0.5, 1.0]


def in_order(sigmas: list[float]) -> list[float]:
    """The smallest first: they are the same question in whatever order they come. Two that are equal are refused, since
    the second would cost samples and alpha, and say nothing more."""
    if len(set(sigmas)) < len(sigmas):
        raise PydanticCustomError("sigmas", "Some are equal: give each sigma once.")
    return sorted(sigmas)


Sigmas = Annotated[
    list[Annotated[float, Field(ge=MIN_SIGMA, le=MAX_SIGMA)]],
    Field(min_length=MIN_SIGMAS, max_length=MAX_SIGMAS, json_schema_extra={"uniqueItems": True}),
    AfterValidator(in_order),
]


def is_one(sigmas: Sequence[float]) -> bool:
    return not sigmas


WrittenSigmas = Annotated[
    tuple[float, ...],
    Field(
        description="Several sigmas that were asked about at once, the smallest first; not there where there is one, "
        "which is `sigma`.",
        examples=[EXAMPLE],
        # So that all that was written before there were several stays as it was, with its digests.
        exclude_if=is_one,
    ),
]


def check_copies(sigmas: int, n: int, n0: int) -> Iterator[FieldProblem]:
    """Each sample is a noisy copy at each sigma: all copies together are bounded as the samples at one sigma are."""
    for field, samples, most in (("n", n, MAX_ESTIMATION_SAMPLES), ("n0", n0, MAX_SELECTION_SAMPLES)):
        if samples * sigmas > most:
            detail = f"Each of the {sigmas} sigmas takes so many: give at most {most // sigmas}, or fewer sigmas."
            yield FieldProblem(field=field, detail=detail)


def check_votes(sigmas: int, labels: int) -> Iterator[FieldProblem]:
    """Each label has votes at each sigma: there are at most as many as several label sets may have."""
    if sigmas * labels > MAX_LABELS_IN_ALL:
        detail = (
            f"{labels} labels are counted at each of {sigmas} sigmas: with so many labels give at most "
            f"{MAX_LABELS_IN_ALL // labels} sigmas."
        )
        yield FieldProblem(field=FIELD, detail=detail)
