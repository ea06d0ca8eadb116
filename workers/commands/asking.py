"""What the command line asks, of a server or of models in this process."""

from collections.abc import Mapping
from typing import Any

from adapters.contract.fields import accepted, parse_fields
from adapters.contract.plan import PlanParameters, misfits, plan
from adapters.profiles.shipped import served_profile
from adapters.settings import Settings


def planned(fields: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What a radius costs, as `POST /plan` answers it; raises one error with all that is wrong."""
    profile = served_profile(settings)
    parameters, problems = parse_fields("plan", PlanParameters, fields, strict=False)
    if parameters is not None:
        problems = misfits(parameters, profile)
    return plan(accepted(parameters, problems), profile, settings).model_dump(mode="json")
