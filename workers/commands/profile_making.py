"""Publishing a new profile: its models gathered, its file written, the classifier tried; all of it, or nothing."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adapters.durable_files import locked, write_durably
from adapters.hub.pull import PARTIAL, adopt_from
from adapters.profiles.files import read_profile
from adapters.profiles.library import NAME, SUFFIX, located, path_of, profiles_of
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from workers.commands.models import try_out
from workers.server_client import Progress as OnProgress

STAGING = ".new-"


@dataclass(frozen=True)
class Draft:
    """A new profile's file, and where its models are: {subfolder: folder}."""

    name: str
    text: str
    models: Mapping[str, Path] = field(default_factory=dict)


def check_name(name: str, settings: Settings) -> None:
    """Raises InvalidInputError for a name that is taken, or none."""
    if not NAME.fullmatch(name):
        raise InvalidInputError(
            "a name has small letters, digits, hyphens and dots, and at most 64 of them", field="name"
        )
    path = path_of(name, settings)
    if name in profiles_of(settings) or path.exists():
        raise InvalidInputError(f"there is a profile {name}: take another name, or remove {path.name}", field="name")


@contextmanager
def staging_folder(settings: Settings) -> Iterator[Path]:
    """A folder beside the models, for what has to be put together first; it is gone afterwards."""
    settings.models_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.models_folder, prefix=STAGING) as folder:
        yield Path(folder)


def publish(draft: Draft, staging: Path, settings: Settings, on_progress: OnProgress) -> Profile:
    """Takes the models over and writes the file last, one profile at a time. Raises ModelFilesError and
    InvalidInputError.
    """
    path = staging / f"{draft.name}{SUFFIX}"
    path.write_text(draft.text, encoding="utf-8")
    profile = located(read_profile(path), settings)
    with locked(settings.profiles_folder):
        # Again, because another process may have published one of the name meanwhile: nothing of that must go.
        check_name(draft.name, settings)
        check_folder_free(profile)
        with nothing_left(profile):
            if profile.pulled:
                adopt_from(profile, draft.models, on_progress, partial(try_out, profile))
            write_durably(path_of(draft.name, settings), draft.text.encode())
    return profile


def check_folder_free(profile: Profile) -> None:
    if profile.pulled and profile.folder is not None and profile.folder.exists():
        raise InvalidInputError(
            f"there are models of a profile {profile.name}: take another name, or remove them", field="name"
        )


@contextmanager
def nothing_left(profile: Profile) -> Iterator[None]:
    """After any failure, neither the folder of the models nor what was gathered for it stays."""
    try:
        yield
    except BaseException:
        for folder in folders_of(profile):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def folders_of(profile: Profile) -> Iterator[Path]:
    if profile.pulled and profile.folder is not None:
        yield profile.folder
        yield profile.folder.with_name(f"{PARTIAL}{profile.folder.name}")
