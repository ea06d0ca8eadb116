"""Whether a method can be run: its profile can be read, and its models are there; nothing is loaded."""

from collections.abc import Sequence

from adapters.profiles.library import find_profile, located
from adapters.profiles.suitability import check_files
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelError
from workers.evaluation.methods.method import NamedMethod


def profiles_of(method: NamedMethod, sigmas: Sequence[float]) -> Sequence[str]:
    """The profiles that it needs for these sigmas, none twice."""
    return list(dict.fromkeys(method.profile_at(sigma) for sigma in sigmas))


def lacking(method: NamedMethod, sigmas: Sequence[float], settings: Settings) -> Sequence[str]:
    """What is in the way of running it with these sigmas, a sentence for each profile; nothing where it is ready."""
    problems = ((profile, problem_of(profile, settings)) for profile in profiles_of(method, sigmas))
    return [f"{profile}: {problem}" for profile, problem in problems if problem is not None]


def problem_of(profile: str, settings: Settings) -> str | None:
    """What is wrong with a profile or its files."""
    try:
        check_files(located(find_profile(profile, settings), settings))
    except (InvalidInputError, ModelError) as error:
        return str(error)
    return None
