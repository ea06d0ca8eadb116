"""`robustify models`: what there is, getting it, and checking it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from adapters.profiles.manifest import bytes_of, findings
from adapters.profiles.profile import Profile
from adapters.profiles.shipped import PROFILES, find_profile, located
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelError, ModelFilesError
from workers.server_client import Progress

Document = dict[str, Any]
Ask = Callable[[str], bool]


def list_models(settings: Settings) -> Document:
    """The document of `robustify models`: every profile, and whether its files are here."""
    return {"models": [describe(located(profile, settings)) for profile in PROFILES.values()]}


def describe(profile: Profile) -> Document:
    names = ("name", "description", "licence", "side", "default_sigma", "classes")
    return {**{name: getattr(profile, name) for name in names}, "available": profile.is_there}


def profile_to_pull(name: str, settings: Settings, origin: Path | None, accepts_licence: Ask) -> Profile:
    """The profile with its folder, when its models may be got. Raises ModelError that says what is in the way."""
    profile = located(find_profile(name), settings)
    if needs_nothing(profile):
        return profile
    if origin is None and not profile.from_hub:
        raise ModelError(f"the models of {name} are yours to bring: robustify models pull {name} --from FOLDER")
    if not accepts_licence(licence_of(profile)):
        raise ModelError(f"the licence of {name} has to be accepted: read {profile.licence_url}, then --accept-licence")
    return profile


def needs_nothing(profile: Profile) -> bool:
    """Whether its models are bundled, packaged, or there already."""
    return not profile.pulled or profile.is_there


def pull_models(profile: Profile, origin: Path | None, revisions: Iterable[str], on_progress: Progress) -> Document:
    """Gets a profile's models into its folder. Raises ModelError and HubError."""
    chosen = parse_revisions(revisions)
    document = {"profile": profile.name, "folder": str(profile.folder) if profile.pulled else None}
    if needs_nothing(profile):
        return {**document, "outcome": "there" if profile.pulled else "not_needed"}
    # Imported here: the hub's client is needed for nothing else.
    from adapters.hub.pull import adopt, pull

    if origin is not None:
        adopt(profile, origin, on_progress)
    else:
        pull(profile, chosen, on_progress)
    return {**document, "outcome": "pulled"}


def licence_of(profile: Profile) -> str:
    """What has to be accepted; empty where nothing has."""
    return f"{profile.licence} See {profile.licence_url}" if profile.licence_url else ""


def acceptance(given: bool, say: Callable[[str], None], confirm: Ask) -> Ask:
    """Shows a licence, and whether it is accepted: on the command line, or by an answer where somebody can give one."""

    def accepts(licence: str) -> bool:
        if licence:
            say(licence)
        return not licence or given or (sys.stdin.isatty() and confirm("Do you accept this licence?"))

    return accepts


def parse_revisions(texts: Iterable[str]) -> Mapping[str, str]:
    """REPOSITORY=REVISION, several times."""
    pairs = [text.partition("=") for text in texts]
    if any(not repo or not revision for repo, _, revision in pairs):
        raise InvalidInputError("a revision is given as REPOSITORY=COMMIT", field="revision")
    return {repo: revision for repo, _, revision in pairs}


def verify_models(name: str, settings: Settings, on_progress: Progress) -> Document:
    """Reads every file of a profile again; `findings` says what is wrong with each that is not as it was."""
    profile = located(find_profile(name), settings)
    if not profile.is_there:
        raise ModelFilesError(f"the models of profile {name} are not there: robustify models pull {name}")
    return {"profile": name, "findings": [*packaged_findings(profile), *folder_findings(profile, on_progress)]}


def packaged_findings(profile: Profile) -> Iterator[str]:
    for weights in profile.packaged:
        try:
            weights.checked_path()
        except ModelFilesError as error:
            yield str(error)


def folder_findings(profile: Profile, on_progress: Progress) -> Iterator[str]:
    if profile.folder is None:
        return
    total, done = bytes_of(profile.folder), 0

    def count(read: int) -> None:
        nonlocal done
        done += read
        on_progress(done, total)

    yield from findings(profile.folder, count)
