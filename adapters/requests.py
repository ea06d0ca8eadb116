"""From checked parameters and a canonical image to what the queue carries."""

from dataclasses import dataclass

from adapters.parameters import CertifyParameters, PredictParameters
from adapters.profiles import Profile, engine_digest, function_digest
from adapters.queue.messages import InputImage, JobKind, JobRequest
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.errors import InvalidInputError, TaskConflictError, UnknownTaskError
from robustify.types import Task

VERSION_MARK = "@"


@dataclass(frozen=True)
class AskedTask:
    """What a request asks about: the labels that it gives, or a version of a stored task, pinned from here on."""

    task: Task
    name: str | None = None
    version: int | None = None


def asked_task(parameters: PredictParameters, profile: Profile, tasks: TaskStore) -> AskedTask:
    """Raises UnknownTaskError, TaskConflictError when the task was adapted to models that are not served, and
    InvalidInputError when the profile tells another number of labels apart.
    """
    if parameters.task is None:
        return AskedTask(Task(tuple(parameters.labels or ()), parameters.template))
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
    return AskedTask(Task(stored.labels, stored.template, version.adaptation), stored.name, version.number)


def job_request(
    kind: JobKind,
    parameters: PredictParameters,
    asked: AskedTask,
    image: InputImage,
    profile: Profile,
    settings: Settings,
) -> JobRequest:
    """The request with all defaults filled in and the fingerprint of the function that will answer it."""
    task = asked.task
    sigma = profile.default_sigma if parameters.sigma is None else parameters.sigma
    engine = engine_digest(profile, settings)
    certify = parameters if isinstance(parameters, CertifyParameters) else None
    return JobRequest(
        kind=kind,
        image=image,
        labels=task.labels,
        template=task.template,
        sigma=sigma,
        n0=certify.n0 if certify else 0,
        n=parameters.n,
        alpha=parameters.alpha,
        target_radius=certify.target_radius if certify else None,
        profile=profile.name,
        engine=engine,
        fingerprint=function_digest(engine, task, sigma),
        task=asked.name,
        version=asked.version,
        adaptation=task.adaptation,
    )
