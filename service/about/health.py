"""Is the process alive; can it answer."""

import logging
from collections.abc import Callable
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query

from adapters.contract.fields import FieldProblem
from adapters.profiles.profile import Profile
from robustify.errors import RobustifyError
from service.about.schemas import Health, Readiness
from service.dependencies import Service, ServiceDependency
from service.errors import INVALID_INPUT, NOT_READY, ProblemError
from service.openapi import problems
from service.serving_workers import workers_for

log = logging.getLogger(__name__)

NO_QUEUE = "The queue server does not answer or takes no writes: start it, or give it memory and disk."
NO_STORE = (
    "The image store cannot be written, or its disk has less free than ROBUSTIFY_MIN_FREE_BYTES: free some space, "
    "or set ROBUSTIFY_STATE_DIR to a folder on another disk."
)
NO_WORKER = "No live worker has the models of profile {} and the settings of this service: start one."
NO_PROFILE = "It must be a profile that this service serves: see /models."

Asked = Annotated[
    str | None, Query(description="A served profile; by default the usual one.", max_length=200, examples=["mini"])
]

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="getHealth", summary="Is the process alive", responses=problems())
async def get_health() -> Health:
    """Says nothing of the queue or the workers: a process that answers need not be restarted."""
    return Health()


@router.get(
    "/readyz", operation_id="getReadiness", summary="Can requests be answered now", responses=problems(422, 503)
)
async def get_readiness(service: ServiceDependency, profile: Asked = None) -> Readiness:
    """Ready when the queue and the store can be written, with room to spare, and a worker with the same models and
    settings lives: those of the usual profile, or of the one that is asked about. It writes a little to both, and may
    be asked each second.
    """
    asked = service.profile if profile is None else service.profiles.get(profile)
    if asked is None:
        raise ProblemError(INVALID_INPUT, errors=[FieldProblem(field="profile", detail=NO_PROFILE)])
    return await anyio.to_thread.run_sync(check_readiness, service, asked)


def check_readiness(service: Service, profile: Profile) -> Readiness:
    checks: list[tuple[str, str, Callable[[Service], bool]]] = [
        ("queue", NO_QUEUE, queue_can_be_written),
        ("store", NO_STORE, store_can_be_written),
        ("worker", NO_WORKER.format(profile.name), lambda service: answering(service)[profile.name] > 0),
    ]
    failed = [FieldProblem(field=name, detail=detail) for name, detail, check in checks if not holds(check, service)]
    if failed:
        raise ProblemError(NOT_READY, errors=failed)
    workers = answering(service)
    return Readiness(
        profile=profile.name,
        workers=workers[profile.name],
        profiles=workers,
        queued=service.board.queue_depths(),
    )


def holds(check: Callable[[Service], bool], service: Service) -> bool:
    """Whether a check passes; one that cannot be made does not."""
    try:
        return check(service)
    except (RobustifyError, OSError) as error:
        log.warning("not ready: %r", error.__cause__ or error)
        return False


def queue_can_be_written(service: Service) -> bool:
    service.board.ping()
    return True


def store_can_be_written(service: Service) -> bool:
    side = max(profile.side for profile in service.profiles.values())
    service.store.check(side, service.settings.min_free_bytes)
    return True


def answering(service: Service) -> dict[str, int]:
    """For each served profile, the live workers that can answer what this service submits."""
    workers = service.board.workers()
    return {name: len(workers_for(profile, service.settings, workers)) for name, profile in service.profiles.items()}
