"""What a route may ask for."""

import re
from dataclasses import dataclass, field
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import Depends, Query, Request
from fastapi import Path as PathParameter

from adapters.contract import example
from adapters.contract.bounds import MAX_NAME_LENGTH
from adapters.contract.jobs import JobRecord
from adapters.profiles.profile import Profile
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.adaptations import StoredAdaptation
from adapters.store.tasks import StoredTask, TaskStore, Version
from adapters.store.tensors import ImageStore
from robustify.errors import UnknownTaskError
from service.adaptation_cache import AdaptationCache
from service.errors import NOT_ADAPTED, UNKNOWN_JOB, ProblemError, store_failures
from service.limits import DECODERS

JOB_ID = re.compile(r"[0-9a-z]{1,64}")


@dataclass(frozen=True)
class Service:
    """The parts of the running service; `decoders` bounds how many images are decoded at once."""

    settings: Settings
    profile: Profile
    board: JobBoard
    store: ImageStore
    tasks: TaskStore
    adaptations: AdaptationCache
    decoders: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(DECODERS))

    async def job(self, job_id: str) -> JobRecord | None:
        """A job's present state, read without holding up other requests."""
        return await anyio.to_thread.run_sync(self.board.get, job_id)


def running_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDependency = Annotated[Service, Depends(running_service)]
# The pattern is in the description only: an id that does not have it is an unknown job, and no invalid value.
JobId = Annotated[
    str,
    PathParameter(
        description="The `id` of a job.",
        examples=[example.JOB_ID],
        json_schema_extra={"pattern": f"^{JOB_ID.pattern}$"},
    ),
]


def check_job_id(job_id: str) -> str:
    """Refuses what cannot be an id without asking the queue."""
    if not JOB_ID.fullmatch(job_id):
        raise ProblemError(UNKNOWN_JOB)
    return job_id


async def known_job(job_id: JobId, service: ServiceDependency) -> JobRecord:
    """The job that the path names."""
    record = await service.job(check_job_id(job_id))
    if record is None:
        raise ProblemError(UNKNOWN_JOB)
    return record


KnownJob = Annotated[JobRecord, Depends(known_job)]


# What follows reads files: FastAPI runs a dependency that is not async in a thread.
TaskName = Annotated[
    str,
    PathParameter(
        description="The name or the `id` of a task; case and width do not matter.",
        examples=[example.TASK_NAME, example.TASK_ID],
    ),
]


def known_task(name: TaskName, service: ServiceDependency) -> StoredTask:
    """The task that the path names."""
    if len(name) > MAX_NAME_LENGTH:
        raise UnknownTaskError("there is no task of so long a name")
    with store_failures():
        return service.tasks.find(name)


KnownTask = Annotated[StoredTask, Depends(known_task)]


def known_version(
    task: KnownTask,
    version: Annotated[
        int | None, Query(description="Number of a version; by default the current one.", examples=[2])
    ] = None,
) -> Version:
    """The version of the task that the query names."""
    return task.version(version)


KnownVersion = Annotated[Version, Depends(known_version)]


def known_adaptation(version: KnownVersion, service: ServiceDependency) -> StoredAdaptation:
    """What the version was adapted with; a problem where its labels stand alone."""
    if version.adaptation is None:
        raise ProblemError(NOT_ADAPTED)
    return service.adaptations.get(version.adaptation)


KnownAdaptation = Annotated[StoredAdaptation, Depends(known_adaptation)]
