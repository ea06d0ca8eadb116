"""What this service can answer with."""

from collections.abc import Sequence
from dataclasses import asdict

from fastapi import APIRouter

from adapters.contract.effective import AdaptationValues
from adapters.contract.jobs import WorkerRecord
from adapters.profiles.library import located, profiles_of
from adapters.profiles.licences import business_use
from adapters.profiles.profile import Profile
from robustify.errors import QueueUnavailableError
from service.about.schemas import ModelDescription, Models
from service.dependencies import Service, ServiceDependency
from service.openapi import problems
from service.serving_workers import speed_of, workers_for

router = APIRouter(tags=["models"])


@router.get("/models", operation_id="listModels", summary="The models and their licences", responses=problems())
def list_models(service: ServiceDependency) -> Models:
    """The served profiles first, the usual one before the others, and then those that can be configured; those for
    tests only where they are served.
    """
    served, workers = service.profiles, live_workers(service)
    others = [
        located(profile, service.settings)
        for profile in profiles_of(service.settings).values()
        if profile.name not in served and not profile.for_tests
    ]
    answering = [
        describe_model(profile, None if workers is None else workers_for(profile, service.settings, workers))
        for profile in served.values()
    ]
    return Models(models=[*answering, *(describe_model(profile, None, is_served=False) for profile in others)])


def live_workers(service: Service) -> Sequence[WorkerRecord] | None:
    """None where the queue does not tell."""
    try:
        return service.board.workers()
    except QueueUnavailableError:
        return None


def describe_model(
    profile: Profile, workers: Sequence[WorkerRecord] | None, is_served: bool = True
) -> ModelDescription:
    return ModelDescription(
        name=profile.name,
        description=profile.description,
        licence=profile.licence,
        business=business_use(profile.licences),
        licences=profile.licences,
        served=is_served,
        workers=None if workers is None else len(workers),
        samples_per_second=None if workers is None else speed_of(workers),
        available=profile.is_there,
        side=profile.side,
        preprocessing=profile.preprocessing.mode,
        default_sigma=profile.default_sigma,
        classes=profile.classes,
        class_names=profile.class_names if is_served else None,
        can_adapt=profile.can_adapt,
        adaptation=adaptation_defaults(profile) if profile.can_adapt else None,
    )


def adaptation_defaults(profile: Profile) -> AdaptationValues:
    """Of the fields that a request may have."""
    return AdaptationValues.model_validate(asdict(profile.adaptation), extra="ignore")
