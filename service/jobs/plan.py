"""What a radius would cost: nothing is computed by a model, and nothing is queued."""

from collections.abc import Mapping

from fastapi import APIRouter, Request

from adapters.contract.plan import Plan, PlanParameters, checked_plan, plan
from adapters.profiles.fingerprint import engine_digest
from robustify.errors import QueueUnavailableError
from service.body.receive import in_line, receive_fields
from service.dependencies import Service, ServiceDependency
from service.openapi import json_body, problems

router = APIRouter(tags=["models"])


@router.post(
    "/plan",
    operation_id="plan",
    summary="What a radius costs in samples and seconds, with a target and without",
    responses=problems(400, 408, 413, 415, 422, 503),
    openapi_extra=json_body(PlanParameters),
)
async def plan_radius(request: Request, service: ServiceDependency) -> Plan:
    """Needs no image. `seconds` are those of the live workers together, were there nothing else to do, or of the
    speed that the request gives; null where neither is known.
    """
    values = await receive_fields(request)
    return await in_line(request, service.lines.planning, lambda: planned(service, values))


def planned(service: Service, values: Mapping[str, object]) -> Plan:
    parameters = checked_plan(values, True, service.profile)
    return plan(parameters, service.profile, service.settings, measured_speed(service))


def measured_speed(service: Service) -> float | None:
    """Samples a second of all live workers of the served engine; None when none has measured its own."""
    engine = engine_digest(service.profile, service.settings)
    try:
        workers = service.board.workers()
    except QueueUnavailableError:
        return None
    return sum(worker.samples_per_second or 0.0 for worker in workers if worker.engine == engine) or None
