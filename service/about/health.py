"""Is the process alive; can it answer."""

import logging
from collections.abc import Callable

import anyio.to_thread
from fastapi import APIRouter

from adapters.contract.fields import FieldProblem
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest
from robustify.errors import RobustifyError
from service.about.schemas import Health, Readiness
from service.dependencies import Service, ServiceDependency
from service.errors import NOT_READY, ProblemError
from service.openapi import problems

log = logging.getLogger(__name__)

NO_QUEUE = "The queue server does not answer or takes no writes: start it, or give it memory and disk."
NO_STORE = (
    "The image store cannot be written, or its disk has less free than ROBUSTIFY_MIN_FREE_BYTES: free some space, "
    "or set ROBUSTIFY_STATE_DIR to a folder on another disk."
)
NO_WORKER = "No live worker has the models and the settings of this service: start one."

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="getHealth", summary="Is the process alive", responses=problems())
async def get_health() -> Health:
    """Says nothing of the queue or the workers: a process that answers need not be restarted."""
    return Health()


@router.get("/readyz", operation_id="getReadiness", summary="Can requests be answered now", responses=problems(503))
async def get_readiness(service: ServiceDependency) -> Readiness:
    """Ready when the queue and the store can be written, with room to spare, and a worker with the same models and
    settings lives. It writes a little to both, and may be asked each second.
    """
    return await anyio.to_thread.run_sync(check_readiness, service)


def check_readiness(service: Service) -> Readiness:
    checks: list[tuple[str, str, Callable[[Service], bool]]] = [
        ("queue", NO_QUEUE, queue_can_be_written),
        ("store", NO_STORE, store_can_be_written),
        ("worker", NO_WORKER, lambda service: matching_workers(service) > 0),
    ]
    failed = [FieldProblem(field=name, detail=detail) for name, detail, check in checks if not holds(check, service)]
    if failed:
        raise ProblemError(NOT_READY, errors=failed)
    return Readiness(workers=matching_workers(service), queued=service.board.queue_depths())


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
    service.store.check(service.profile.side, service.settings.min_free_bytes)
    return True


def matching_workers(service: Service) -> int:
    """Live workers that can answer what this service submits; one that only adapts can not."""
    engine = engine_digest(service.profile, service.settings)
    return sum(worker.engine == engine and JobKind.PREDICT in worker.kinds for worker in service.board.workers())
