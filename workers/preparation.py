"""From a command line to the request that the models answer: everything that can be refused without loading one."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from adapters.images import canonicalise_for
from adapters.parameters import FieldProblem, SmoothedParameters, check_fit, parse_fields, parse_parameters
from adapters.plan import PlanParameters, misfits, plan
from adapters.profiles import served_profile
from adapters.queue.messages import InputImage, JobKind, JobRequest
from adapters.requests import asked_task, job_request
from adapters.settings import Settings
from adapters.store.files import tensor_digest
from adapters.store.tasks import TaskStore
from robustify.errors import InvalidInputError
from robustify.types import Noise

P = TypeVar("P")


def prepare(
    kind: JobKind, image: bytes, fields: Mapping[str, Any], settings: Settings
) -> tuple[JobRequest, np.ndarray]:
    """The checked request and the canonical tensor (3, H, W) that it names."""
    profile = served_profile(settings)
    parameters = checked_parameters(kind, fields, settings)
    canonical = canonicalise_for(Noise(parameters.noise), image, profile.side)
    _, height, width = canonical.tensor.shape
    input_image = InputImage(
        sha256=tensor_digest(canonical.tensor),
        height=height,
        width=width,
        source_sha256=canonical.source_sha256,
        source_norm=canonical.source_norm,
    )
    asked = asked_task(parameters, profile, TaskStore(settings.task_folder))
    return job_request(kind, parameters, asked, input_image, profile, settings), canonical.tensor


def planned(fields: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What a radius costs, as `POST /plan` answers it; raises one error with all that is wrong."""
    profile = served_profile(settings)
    parameters, problems = parse_fields("plan", PlanParameters, fields, strict=False)
    if parameters is not None:
        problems = misfits(parameters, profile)
    return plan(accepted(parameters, problems), profile, settings).model_dump(mode="json")


def checked_parameters(kind: JobKind, fields: Mapping[str, Any], settings: Settings) -> SmoothedParameters:
    """The parameters of the request; raises one error with all that is wrong."""
    parameters, problems = parse_parameters(kind, fields, strict=False)
    if parameters is not None:
        problems = list(check_fit(parameters, served_profile(settings)))
    return accepted(parameters, problems)


def accepted(parameters: P | None, problems: Sequence[FieldProblem]) -> P:
    """Parameters without a problem; raises InvalidInputError with all that is wrong."""
    if problems or parameters is None:
        raise refusal(problems)
    return parameters


def refusal(problems: Sequence[FieldProblem]) -> InvalidInputError:
    """One error that says all that is wrong."""
    return InvalidInputError("; ".join(f"{problem.field}: {problem.detail}" for problem in problems))
