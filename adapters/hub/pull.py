"""Gets the models of a profile from the hub or from a folder: all of them or none, with a manifest."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.durable_files import locked, sync, write_durably
from adapters.hub.client import Plan, check_complete, download, is_wanted, make_plan, silence_client
from adapters.hub.config_checks import check_configs, is_read
from adapters.profiles.manifest import sha256_of, surplus, write_manifest
from adapters.profiles.profile import Profile
from adapters.profiles.weights import HubSource
from robustify.errors import ModelFilesError

PARTIAL = ".partial-"
SOURCES = "sources.json"
SPARE_BYTES = 1 << 28

OnProgress = Callable[[int, int], None]
"""Called with bytes that are there and bytes in all."""
TryOut = Callable[[Path], None]


@dataclass
class Progress:
    """Counts bytes towards a total."""

    total: int
    tell: OnProgress
    done: int = 0

    def add(self, count: int) -> None:
        self.done += count
        self.tell(min(self.done, self.total), self.total)

    def at(self, done: int) -> None:
        """Whatever was counted meanwhile."""
        self.done = 0
        self.add(done)


def untried(folder: Path) -> None:
    """For files that only a later load will try."""


def pull(
    profile: Profile,
    revisions: Mapping[str, str],
    tell: OnProgress,
    endpoint: str | None = None,
    try_out: TryOut = untried,
) -> None:
    """Downloads what the profile's sources name into its folder; what an earlier attempt got is not fetched again.

    `revisions`: {repository: commit, tag or branch}; the newest of others. `endpoint`: by default that of HF_ENDPOINT.
    `try_out`: is called with the folder of all files before they are published, and may raise.
    Raises HubError and ModelFilesError.
    """
    silence_client()
    check_revisions(profile, revisions)
    with partial_folder(profile) as partial:
        plans = [make_plan(source, revisions.get(source.repo), endpoint) for source in profile.sources]
        check_room(partial, sum(plan.size for plan in plans))
        # The small files first: they tell whether the large ones are of use.
        progress = Progress(sum(plan.size for plan in plans), tell)
        for is_large in (False, True):
            fetch(plans, is_large, partial, progress, endpoint)
            if not is_large:
                check_configs(profile, partial)
                plans = [without_unread(plan, partial) for plan in plans]
        try_out(partial)
        wanted = [f"{plan.source.folder}/{file.name}" for plan in plans for file in plan.files]
        revisions_found = {plan.source.folder: {"repo": plan.source.repo, "revision": plan.commit} for plan in plans}
        finish(profile, partial, wanted, revisions_found)


def without_unread(plan: Plan, partial: Path) -> Plan:
    """The plan without small files that turned out to be of no use."""
    folder = partial / plan.source.folder
    return replace(plan, files=[file for file in plan.files if is_read(file.name, folder)])


def fetch(plans: Sequence[Plan], is_large: bool, partial: Path, progress: Progress, endpoint: str | None) -> None:
    """The large files, or the others."""
    for plan in plans:
        for file in plan.files:
            if file.name.endswith(".safetensors") == is_large:
                done = progress.done
                download(plan, file, partial / plan.source.folder, progress.add, endpoint)
                progress.at(done + file.size)


def adopt(profile: Profile, origin: Path, tell: OnProgress, try_out: TryOut = untried) -> None:
    """The same from a folder of the user's own, with the same subfolders. Raises ModelFilesError."""
    check_configs(profile, origin)
    adopt_from(profile, {source.folder: origin / source.folder for source in profile.sources}, tell, try_out)


def adopt_from(profile: Profile, folders: Mapping[str, Path], tell: OnProgress, try_out: TryOut = untried) -> None:
    """The same where the subfolders lie apart: {name: where it is}."""
    chosen = {
        f"{source.folder}/{name}": folders[source.folder] / name
        for source in profile.sources
        for name in local_files(source, folders[source.folder])
    }
    with partial_folder(profile) as partial:
        progress = Progress(sum(path.stat().st_size for path in chosen.values()), tell)
        for name in sorted(chosen):
            place(chosen[name], partial / name)
            progress.add(chosen[name].stat().st_size)
        check_configs(profile, partial)
        try_out(partial)
        finish(profile, partial, sorted(chosen), {"folder": {"repo": None, "revision": None}})


def local_files(source: HubSource, from_here: Path) -> list[str]:
    """What the patterns name of a folder. Raises ModelFilesError where something is missing or a pickle."""
    there = [path.relative_to(from_here).as_posix() for path in from_here.rglob("*") if path.is_file()]
    wanted = [name for name in there if is_wanted(name, source) and is_read(name, from_here)]
    check_complete(source, wanted, there)
    return wanted


def place(origin: Path, target: Path) -> None:
    """The same file at another place, without a copy where the disk can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(origin.resolve(), target)
    except OSError:
        shutil.copyfile(origin, target)


def folder_of(profile: Profile) -> Path:
    if profile.folder is None:
        raise ModelFilesError(f"profile {profile.name} has no folder of models")
    return profile.folder


@contextmanager
def partial_folder(profile: Profile) -> Iterator[Path]:
    """The folder in which the files are gathered, for one process at a time; it stays when something fails."""
    folder = folder_of(profile)
    partial = folder.with_name(f"{PARTIAL}{folder.name}")
    with locked(partial):
        if profile.is_there:
            raise ModelFilesError(
                f"the models of profile {profile.name} are there: robustify models verify {profile.name}"
            )
        yield partial


def check_revisions(profile: Profile, revisions: Mapping[str, str]) -> None:
    repositories = [source.repo for source in profile.sources]
    if unknown := revisions.keys() - set(repositories):
        raise ModelFilesError(
            f"profile {profile.name} has nothing from {', '.join(sorted(unknown))}: {', '.join(repositories)}"
        )


def check_room(partial: Path, size: int) -> None:
    """Raises ModelFilesError when the disk has too little room for what is not there yet."""
    there = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    needed, free = size - there + SPARE_BYTES, shutil.disk_usage(partial).free
    if free < needed:
        raise ModelFilesError(
            f"{needed / 1e9:.1f} GB are needed, and the disk has {free / 1e9:.1f} GB: change ROBUSTIFY_MODELS_DIR"
        )


def finish(
    profile: Profile, partial: Path, wanted: Sequence[str], sources: Mapping[str, Mapping[str, str | None]]
) -> None:
    """Manifest and origin, then one move: until then nothing of it can be served."""
    manifest = {name: sha256_of(partial / name) for name in wanted}
    for name in surplus(partial, manifest):
        (partial / name).unlink()
    write_durably(partial / SOURCES, (json.dumps(sources, indent=1) + "\n").encode())
    for name in wanted:
        sync(partial / name)
    write_manifest(partial, manifest)
    folder_of(profile).parent.mkdir(parents=True, exist_ok=True)
    os.rename(partial, folder_of(profile))
    sync(folder_of(profile).parent)
