"""Whether a method can be asked here: its profile, its files, and what an adaptation needs."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from adapters.profiles.files import ProfileFileError
from adapters.profiles.library import find_profile, served_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from workers.evaluation.comparison.document import Gap
from workers.evaluation.methods.method import NamedMethod
from workers.evaluation.methods.readiness import problem_of

SettingsOf = Callable[[NamedMethod, float], Settings]
"""Of a method with a noise."""


def gaps_of(methods: Sequence[NamedMethod], sigmas: Sequence[float], settings_of: SettingsOf) -> tuple[Gap, ...]:
    """One for each method that cannot be asked, or for each noise with which it cannot; a profile is looked at once."""
    look = cache(why_not_ready)
    found: list[Gap] = []
    for method in methods:
        asked = {sigma: settings_of(method, sigma) for sigma in sigmas}
        whys = {sigma: look(settings) or why_not_adapted(method, settings) for sigma, settings in asked.items()}
        found.extend(gaps_with(method, whys))
    return tuple(found)


def gaps_with(method: NamedMethod, whys: Mapping[float, str | None]) -> list[Gap]:
    """One alone, where all noises have the same."""
    missing = {sigma: why for sigma, why in whys.items() if why is not None}
    if len(missing) == len(whys) and len({*missing.values()}) == 1:
        return [Gap(method=method.name, why=why, command=method.recipe) for why in {*missing.values()}]
    return [Gap(method=method.name, sigma=sigma, why=why, command=method.recipe) for sigma, why in missing.items()]


def why_not_ready(settings: Settings) -> str | None:
    """None where it is. Of a profile that is unknown, less is said than to who has typed its name."""
    try:
        find_profile(settings.profile, settings)
    except ProfileFileError as error:
        return str(error)
    except InvalidInputError:
        return f"there is no profile {settings.profile} here"
    return problem_of(settings.profile, settings)


def why_not_adapted(method: NamedMethod, settings: Settings) -> str | None:
    """None where it can be, or need not be."""
    if not method.adapted or served_profile(settings).can_adapt:
        return None
    return f"profile {settings.profile} has no text-to-image model to adapt with: name a method that is not adapted"
