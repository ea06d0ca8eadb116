"""What a route may ask for."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from fastapi import Path as PathParameter

from adapters.profiles import Profile
from adapters.queue.board import JobBoard
from adapters.queue.messages import JobRecord
from adapters.settings import Settings
from adapters.store.files import ImageStore
from service.errors import UNKNOWN_JOB, ProblemError
from service.limits import DECODERS

JOB_ID = re.compile(r"[0-9a-z]{1,64}")


@dataclass(frozen=True)
class Service:
    """The parts of the running service; `decoders` bounds how many images are decoded at once."""

    settings: Settings
    profile: Profile
    board: JobBoard
    store: ImageStore
    decoders: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(DECODERS))

    async def job(self, job_id: str) -> JobRecord | None:
        """A job's present state, read without holding up other requests."""
        return await anyio.to_thread.run_sync(self.board.get, job_id)


def image_folder(settings: Settings) -> Path:
    """Where the image store of these settings is."""
    return settings.state_dir / "images"


def running_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDependency = Annotated[Service, Depends(running_service)]
JobId = Annotated[str, PathParameter(description="The `id` of a job.")]


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
