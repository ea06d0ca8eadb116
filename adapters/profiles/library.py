"""The profiles that there are: those of the installation and the user's, each a TOML file; and which one is served."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

from adapters.profiles.document import PROFILE_NAME
from adapters.profiles.files import ProfileFileError, read_profile
from adapters.profiles.profile import Profile, changed_at
from adapters.settings import Settings
from robustify.errors import InvalidInputError

SHIPPED = Path(__file__).parent / "shipped"
SUFFIX = ".toml"
NAME = re.compile(PROFILE_NAME)
USUAL = "mini"
KEPT_READINGS = 256

log = logging.getLogger(__name__)


@cache
def shipped_profiles() -> Mapping[str, Profile]:
    """Those of the installation: the usual one first, those for tests last."""
    found = [read_profile(path) for path in files_in(SHIPPED)]
    found.sort(key=lambda profile: (profile.for_tests, profile.name != USUAL))
    return MappingProxyType({profile.name: profile for profile in found})


def profiles_of(settings: Settings) -> Mapping[str, Profile]:
    """All that can be read by their names, the user's last; the log has a line for each of the others."""
    for error in unreadable(settings):
        tell(error.path, changed_at(error.path), str(error))
    return readable(settings)


@lru_cache(KEPT_READINGS)
def tell(path: Path, changed_at: int, error: str) -> None:
    """Once for each change of the file: whoever asks for the profiles does not set the rate."""
    # All of it is the template, so that the filter of repeats does not take one file for another.
    log.warning(f"not listed: {error}")


def readable(settings: Settings) -> Mapping[str, Profile]:
    """All that can be read; `unreadable` has the others."""
    own = [found for found in own_files(settings) if isinstance(found, Profile)]
    return {**shipped_profiles(), **{profile.name: profile for profile in own}}


def unreadable(settings: Settings) -> Sequence[ProfileFileError]:
    """What is wrong with those of the user's files that are no profiles: one of them must not stop the others."""
    return [found for found in own_files(settings) if isinstance(found, ProfileFileError)]


def own_files(settings: Settings) -> Iterable[Profile | ProfileFileError]:
    for path in files_in(settings.profiles_folder):
        try:
            yield own_profile(path, changed_at(path))
        except ProfileFileError as error:
            yield error


@lru_cache(KEPT_READINGS)
def own_profile(path: Path, changed_at: int) -> Profile:
    """Of the user; read again when its file changes."""
    profile = read_profile(path)
    if profile.name in shipped_profiles():
        raise ProfileFileError(path, 1, f"the installation has a profile {profile.name}: take another name")
    if profile.name != path.stem:
        raise ProfileFileError(path, 1, f"the file of profile {profile.name} is called {profile.name}{SUFFIX}")
    return replace(profile, is_own=True)


def files_in(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))


def find_profile(name: str, settings: Settings | None = None) -> Profile:
    """Its data as its file has it: where pulled files are, only `served_profile` knows. Without settings, one of the
    installation's. Reads no other file of the user's. Raises InvalidInputError, and ProfileFileError for its file.
    """
    if name in shipped_profiles():
        return shipped_profiles()[name]
    if settings is not None and NAME.fullmatch(name) and (path := path_of(name, settings)).is_file():
        return own_profile(path, changed_at(path))
    known = shipped_profiles() if settings is None else profiles_of(settings)
    raise InvalidInputError(f"unknown profile {name!r}: choose one of {', '.join(known)}", field="profile")


def path_of(name: str, settings: Settings) -> Path:
    """Where the file of a profile is, or would be."""
    return (SHIPPED if name in shipped_profiles() else settings.profiles_folder) / f"{name}{SUFFIX}"


def served_profile(settings: Settings) -> Profile:
    """The profile of the settings with the folder of its files: a worker has no other, and the API usually asks it."""
    return located(find_profile(settings.profile, settings), settings)


def served_profiles(settings: Settings) -> tuple[Profile, ...]:
    """All that an API serves, the usual one first."""
    names = dict.fromkeys([settings.profile, *further_names(settings)])
    return tuple(located(find_profile(name, settings), settings) for name in names)


def further_names(settings: Settings) -> Iterable[str]:
    return [text.strip() for text in (settings.further_profiles or "").split(",") if text.strip()]


def located(profile: Profile, settings: Settings) -> Profile:
    return replace(profile, folder=settings.models_folder / profile.name) if profile.pulled else profile
