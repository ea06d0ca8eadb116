"""What this service can answer with."""

from dataclasses import asdict

from fastapi import APIRouter

from adapters.contract.effective import AdaptationValues
from adapters.profiles.library import located, profiles_of
from adapters.profiles.licences import business_use
from adapters.profiles.profile import Profile
from service.about.schemas import ModelDescription, Models
from service.dependencies import ServiceDependency
from service.openapi import problems

router = APIRouter(tags=["models"])


@router.get("/models", operation_id="listModels", summary="The models and their licences", responses=problems())
def list_models(service: ServiceDependency) -> Models:
    """The served profile first, then the others that can be configured; those for tests only where one is served."""
    served = service.profile
    others = [
        profile
        for profile in profiles_of(service.settings).values()
        if profile.name != served.name and not profile.for_tests
    ]
    return Models(models=[describe_model(located(profile, service.settings), served) for profile in (served, *others)])


def describe_model(profile: Profile, served: Profile) -> ModelDescription:
    return ModelDescription(
        name=profile.name,
        description=profile.description,
        licence=profile.licence,
        business=business_use(profile.licences),
        licences=profile.licences,
        served=profile.name == served.name,
        available=profile.is_there,
        side=profile.side,
        preprocessing=profile.preprocessing.mode,
        default_sigma=profile.default_sigma,
        classes=profile.classes,
        class_names=profile.class_names if profile.name == served.name else None,
        can_adapt=profile.can_adapt,
        adaptation=adaptation_defaults(profile) if profile.can_adapt else None,
    )


def adaptation_defaults(profile: Profile) -> AdaptationValues:
    """Of the fields that a request may have."""
    return AdaptationValues.model_validate(asdict(profile.adaptation), extra="ignore")
