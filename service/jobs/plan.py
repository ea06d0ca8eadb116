"""What a radius would cost: nothing is computed by a model, and nothing is queued."""

from collections.abc import Mapping

from fastapi import APIRouter, Request

from adapters.contract.access import Caller
from adapters.contract.fields import FieldsError
from adapters.contract.plan import Plan, PlanParameters, checked_plan, plan
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.profile import Profile
from robustify.errors import QueueUnavailableError
from service.access.caller import CallerDependency
from service.body.receive import in_line, receive_fields
from service.choosing import with_profile
from service.dependencies import Service, ServiceDependency
from service.openapi import choosing_body, problems
from service.serving_workers import speed_of

router = APIRouter(tags=["models"])


@router.post(
    "/plan",
    operation_id="plan",
    summary="What a radius costs in samples and seconds, with a target and without",
    responses=problems(400, 408, 413, 415, 422, 503),
    openapi_extra=choosing_body(PlanParameters),
)
async def plan_radius(request: Request, service: ServiceDependency, caller: CallerDependency) -> Plan:
    """Needs no image. `seconds` are those of the live workers together, were there nothing else to do, or of the
    speed that the request gives; null where neither is known.
    """
    values = await receive_fields(request)
    return await in_line(request, service.lines.planning, lambda: planned(service, caller, values))


def planned(service: Service, caller: Caller, values: Mapping[str, object]) -> Plan:
    profile, others, problems = with_profile(service, caller, values)
    if problems:
        raise FieldsError(problems)
    parameters = checked_plan(others, True, profile)
    return plan(parameters, profile, service.settings, measured_speed(service, profile))


def measured_speed(service: Service, profile: Profile) -> float | None:
    """Samples a second of all live workers of a profile's engine; None when none has measured its own."""
    engine = engine_digest(profile, service.settings)
    try:
        workers = service.board.workers()
    except QueueUnavailableError:
        return None
    return speed_of([worker for worker in workers if worker.engine == engine])
