"""From checked parameters and a canonical image to what the queue carries."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.contract.fields import accepted
from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.labels import class_indices
from adapters.contract.records import JobKind
from adapters.contract.smoothing import (
    CertifyParameters,
    PredictParameters,
    SmoothedParameters,
    check_fit,
    parse_parameters,
)
from adapters.images import canonicalise_for
from adapters.profiles.fingerprint import engine_digest, function_digest
from adapters.profiles.profile import Profile
from adapters.profiles.shipped import served_profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from adapters.store.tensors import tensor_digest
from robustify.errors import InvalidInputError, TaskConflictError, UnknownTaskError
from robustify.smoothing.sequential import EARLY_SHARE
from robustify.smoothing.statistics import fewest_samples_to_predict
from robustify.types import Bound, Noise, PredictTest, Task

VERSION_MARK = "@"
MAX_LOOKS = 40
"""Of a prediction: each is a shard of its own, and takes some milliseconds beside its samples."""


@dataclass(frozen=True)
class AskedTask:
    """What a request asks about: the labels that it gives, or a version of a stored task, pinned from here on."""

    task: Task
    name: str | None = None
    version: int | None = None


def asked_task(parameters: SmoothedParameters, profile: Profile, tasks: TaskStore) -> AskedTask:
    """Raises UnknownTaskError, TaskConflictError when the task was adapted to models that are not served, and
    InvalidInputError when the profile tells another number of labels apart.
    """
    if parameters.task is None:
        return AskedTask(Task(tuple(parameters.labels or profile.class_names or ()), parameters.template))
    name, _, number = parameters.task.partition(VERSION_MARK)
    if number and not (number.isascii() and number.isdecimal()):
        raise UnknownTaskError("a version of a task is named NAME@NUMBER")
    stored = tasks.find(name.strip())
    version = stored.version(int(number) if number else None)
    if version.adaptation and version.models != profile.model_digest:
        raise TaskConflictError(
            f"version {version.number} of task {stored.name!r} was adapted to other models than those that are served: "
            "adapt it again"
        )
    if profile.classes not in (None, len(stored.labels)):
        raise InvalidInputError(f"profile {profile.name} tells exactly {profile.classes} labels apart", field="task")
    if profile.class_names is not None:
        check_task_classes(stored.labels, profile.class_names)
    return AskedTask(Task(stored.labels, stored.template, version.adaptation), stored.name, version.number)


def check_task_classes(labels: Sequence[str], class_names: Sequence[str]) -> None:
    """Raises InvalidInputError when a label of a task is none of the only classes that there are."""
    try:
        class_indices(class_names, labels)
    except InvalidInputError as error:
        raise InvalidInputError(str(error), field="task") from error


def job_request(
    kind: JobKind,
    parameters: SmoothedParameters,
    asked: AskedTask,
    image: InputImage,
    profile: Profile,
    settings: Settings,
) -> JobRequest:
    """The request with all defaults filled in and the fingerprint of the function that will answer it."""
    task = asked.task
    sigma = profile.default_sigma if parameters.sigma is None else parameters.sigma
    engine = engine_digest(profile, settings)
    return JobRequest(
        kind=kind,
        image=image,
        labels=task.labels,
        template=task.template,
        sigma=sigma,
        n=parameters.n,
        alpha=parameters.alpha,
        profile=profile.name,
        engine=engine,
        noise=Noise(parameters.noise),
        fingerprint=function_digest(engine, task, sigma, Noise(parameters.noise)),
        task=asked.name,
        version=asked.version,
        adaptation=task.adaptation,
        **method_fields(parameters, profile, settings),
    )


def method_fields(parameters: SmoothedParameters, profile: Profile, settings: Settings) -> dict[str, Any]:
    """Of a JobRequest: which samples and which test decide, and when they are looked at."""
    if isinstance(parameters, CertifyParameters):
        bound, shard_samples = parameters.bound_used, profile.samples_per_shard(settings)
        return {
            "n0": parameters.n0,
            "bound": bound,
            "target_radius": parameters.target_radius,
            "tolerance": parameters.tolerance,
            "step": min(shard_samples, parameters.n) if bound is Bound.ANYTIME else None,
        }
    assert isinstance(parameters, PredictParameters)
    step = sequential_step(parameters.test, parameters.n, parameters.alpha, profile.samples_per_batch(settings))
    return {"n0": 0, "test": PredictTest.FIXED if step is None else PredictTest.SEQUENTIAL, "step": step}


def sequential_step(test: str, n: int, alpha: float, batch_size: int) -> int | None:
    """One batch, which is the least that is computed, or more of them where n is large; None where the fixed test is
    asked for, or n is too small for anything else: looking early costs a part of alpha, and must be possible."""
    if test == PredictTest.FIXED or n <= batch_size or n < fewest_samples_to_predict((1 - EARLY_SHARE) * alpha):
        return None
    return batch_size * math.ceil(n / (batch_size * MAX_LOOKS))


def prepare(
    kind: JobKind, image: bytes, fields: Mapping[str, object], settings: Settings
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


def checked_parameters(kind: JobKind, fields: Mapping[str, object], settings: Settings) -> SmoothedParameters:
    """The parameters of the request; raises one error with all that is wrong."""
    parameters, problems = parse_parameters(kind, fields, strict=False)
    if parameters is not None:
        problems = list(check_fit(parameters, served_profile(settings)))
    return accepted(parameters, problems)
