"""GET /usage: what the caller is, may, and has used."""

from typing import Annotated

from fastapi import APIRouter, Query

from adapters.contract.access import Caller, Scope
from adapters.contract.usage import Limits, Usage
from adapters.settings import Settings
from service.dependencies import Service, ServiceDependency
from service.openapi import problems
from service.owned.caller import OwningCaller
from service.owned.schemas import Lifetimes, StoredImages, UsageDescription, UsageLimits

MOST_DAYS, USUAL_DAYS = 31, 7

Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days, today included.", examples=[USUAL_DAYS])]

router = APIRouter(tags=["usage"])


@router.get(
    "/usage",
    operation_id="getUsage",
    summary="What you may, what you have used, and how long things are kept",
    responses=problems(401, 422, 503),
)
def get_usage(service: ServiceDependency, caller: OwningCaller, days: Days = USUAL_DAYS) -> UsageDescription:
    """Of the caller's key. Days are those of UTC, and samples of jobs under way count as planned."""
    return describe_usage(service, caller, service.board.usage(caller.owner, days))


def describe_usage(service: Service, caller: Caller, usage: Usage) -> UsageDescription:
    return UsageDescription(
        id=caller.owner,
        name=caller.name,
        scopes=[scope for scope in Scope if scope in caller.scopes],
        profiles=[name for name in service.profiles if caller.may_ask(name)],
        limits=with_rest(Limits.of(caller, service.settings), usage),
        stored=StoredImages(images=usage.images, bytes=usage.images * service.image_bytes),
        waiting=usage.waiting,
        days=usage.days,
        lifetimes=lifetimes_of(service.settings),
    )


def with_rest(limits: Limits, usage: Usage) -> UsageLimits:
    most = limits.samples_per_day
    left = None if most is None else max(0, most - usage.days[0].samples)
    return UsageLimits(**limits.model_dump(), samples_left_today=left)


def lifetimes_of(settings: Settings) -> Lifetimes:
    kept = settings.retention_seconds
    return Lifetimes(jobs=kept, images=kept, outcomes=settings.outcome_seconds)
