"""Which of the served profiles is to answer: the one that a request names, or the first that its caller may ask."""

from collections.abc import Mapping

from adapters.contract.access import Caller
from adapters.contract.choice import PROFILE
from adapters.contract.fields import FieldProblem
from adapters.profiles.profile import Profile
from service.dependencies import Service
from service.errors import PROFILE_NOT_ALLOWED, ProblemError


def with_profile(
    service: Service, caller: Caller, values: Mapping[str, object]
) -> tuple[Profile, dict[str, object], list[FieldProblem]]:
    """The field `profile` taken out of the others, and what is wrong with it. Raises a problem where the caller's key
    is not for the profile.
    """
    others = {name: value for name, value in values.items() if name != PROFILE}
    given = values.get(PROFILE)
    if given is None:
        return usual_profile(service, caller), others, []
    if not isinstance(given, str) or given not in service.profiles:
        return service.profile, others, [FieldProblem(field=PROFILE, detail=no_such_profile(service))]
    if not caller.may_ask(given):
        raise not_allowed(caller)
    return service.profiles[given], others, []


def usual_profile(service: Service, caller: Caller) -> Profile:
    """Of a request that names none."""
    found = next((profile for name, profile in service.profiles.items() if caller.may_ask(name)), None)
    if found is None:
        raise not_allowed(caller)
    return found


def no_such_profile(service: Service) -> str:
    """The same for whatever was given: it may be long, and is nobody's business."""
    return f"It must be a profile that this service serves: {', '.join(service.profiles)}."


def not_allowed(caller: Caller) -> ProblemError:
    names = ", ".join(sorted(caller.profiles or ()))
    return ProblemError(PROFILE_NOT_ALLOWED, f"The key is for {names}: name one of them that this service serves.")
