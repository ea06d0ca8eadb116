"""What a route may ask for."""

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

import anyio.to_thread
from fastapi import Depends, Query, Request
from fastapi import Path as PathParameter

from adapters.contract import example
from adapters.contract.bounds import MAX_NAME_LENGTH
from adapters.contract.jobs import JobRecord
from adapters.contract.webhook import Receivers
from adapters.profiles.profile import Profile
from adapters.queue.board import JobBoard
from adapters.queue.changes import Changes
from adapters.settings import Settings
from adapters.store.adaptations import StoredAdaptation
from adapters.store.places import Places, places_of
from adapters.store.previews import PreviewStore
from adapters.store.tasks import StoredTask, TaskStore, Version
from adapters.store.tensors import ImageStore, stored_bytes
from adapters.traces.spans import NO_TRACES, Traces
from robustify.errors import UnknownTaskError
from service.access.caller import CallerDependency
from service.adaptation_cache import AdaptationCache
from service.bytes_in_flight import BytesInFlight
from service.decoding.decoders import Decoders
from service.errors import (
    NOT_ADAPTED,
    STORE_FULL,
    STORE_UNAVAILABLE,
    UNKNOWN_JOB,
    ProblemError,
    store_failures,
)
from service.kept import Kept
from service.lines import Lines
from service.notes import notes_of

JOB_ID = re.compile(r"[0-9a-z]{1,64}")
ROOM_AGAIN_SECONDS = 60
"""What is over is removed twice a minute."""


@dataclass(frozen=True)
class Service:
    """The parts of the running service."""

    settings: Settings
    profile: Profile
    """The usual one."""
    board: JobBoard
    store: ImageStore
    adaptations: AdaptationCache
    changes: Changes
    receivers: Receivers
    """Who may be told by webhooks."""
    lines: Lines = field(default_factory=Lines)
    decoders: Decoders = field(default_factory=Decoders)
    traces: Traces = NO_TRACES
    further_profiles: tuple[Profile, ...] = ()

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """All that are served, by their names, the usual one first."""
        return {profile.name: profile for profile in (self.profile, *self.further_profiles)}

    @property
    def image_bytes(self) -> int:
        """What a stored image counts as: that of the largest canonical tensor."""
        return max(stored_bytes(profile.side, profile.side) for profile in self.profiles.values())

    @property
    def previews(self) -> PreviewStore:
        """The pictures of previews."""
        return self.places.previews

    @cached_property
    def places(self) -> Places:
        """Where everything is stored."""
        return places_of(self.settings)

    @cached_property
    def in_flight(self) -> BytesInFlight:
        """The bytes of bodies that are in memory."""
        return BytesInFlight(self.settings.max_body_bytes_in_flight)

    @cached_property
    def kept(self) -> Kept:
        """Whether what was accepted stays."""
        return Kept(self.board.look_whether_kept)

    def tasks_of(self, owner: str) -> TaskStore:
        """The tasks of one owner."""
        return self.places.tasks_of(owner)

    async def job(self, job_id: str, owner: str) -> JobRecord | None:
        """A job's present state as its owner sees it, read without holding up other requests."""
        return await anyio.to_thread.run_sync(self.board.held, job_id, owner)


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


async def known_job(request: Request, job_id: JobId, service: ServiceDependency, caller: CallerDependency) -> JobRecord:
    """The job that the path names, if it is the caller's."""
    record = await service.job(check_job_id(job_id), caller.owner)
    if record is None:
        raise ProblemError(UNKNOWN_JOB)
    notes_of(request.scope).note_job(record)
    return record


KnownJob = Annotated[JobRecord, Depends(known_job)]


def room_to_store(service: ServiceDependency) -> None:
    """Refuses what would be stored while the disk has less free than ROBUSTIFY_MIN_FREE_BYTES."""
    try:
        service.store.check_room(service.settings.min_free_bytes)
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not is_full:
            raise ProblemError(STORE_UNAVAILABLE) from error
        raise ProblemError(STORE_FULL, headers={"Retry-After": str(ROOM_AGAIN_SECONDS)}) from error


NeedsRoom = Depends(room_to_store)
"""For the routes that store something, before their bodies are read."""


# What follows reads files: FastAPI runs a dependency that is not async in a thread.
TaskName = Annotated[
    str,
    PathParameter(
        description="The name or the `id` of a task; case and width do not matter.",
        examples=[example.TASK_NAME, example.TASK_ID],
    ),
]


def known_task(name: TaskName, service: ServiceDependency, caller: CallerDependency) -> StoredTask:
    """The task of the caller's that the path names."""
    if len(name) > MAX_NAME_LENGTH:
        raise UnknownTaskError("there is no task of so long a name")
    with store_failures():
        return service.tasks_of(caller.owner).find(name)


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
