"""`robustify models`: what there is, getting it, and checking it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel
from rich.console import Console

from adapters.profiles.library import find_profile, located, profiles_of
from adapters.profiles.licences import Business, business_use
from adapters.profiles.manifest import bytes_of, findings
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelError, ModelFilesError
from workers.commands.app import AsJson, ServerUrl, app, megabytes, progress_bar, say, settings_with, show
from workers.commands.presentation import print_models
from workers.server_client import ListedModel, ListedModels, Progress, server_at

Ask = Callable[[str], bool]


models_app = typer.Typer(help="The sets of models: list, get and check them.")
app.add_typer(models_app, name="models")

PulledName = Annotated[str, typer.Argument(metavar="PROFILE", help="One of `robustify models list`.")]
AcceptLicence = Annotated[bool, typer.Option("--accept-licence", help="You have read it and accept it.")]
Origin = Annotated[
    Path | None, typer.Option("--from", metavar="FOLDER", help="Models of yours, in the same subfolders.")
]
Revisions = Annotated[
    list[str] | None, typer.Option(metavar="REPOSITORY=COMMIT", help="Another commit than the newest; repeat it.")
]
ForBusiness = Annotated[
    bool, typer.Option("--commercial", help="Only those of which every part may be used in business.")
]
CheckedName = Annotated[str | None, typer.Argument(metavar="PROFILE", help="By default the one that is served.")]


class Pulled(BaseModel):
    """What became of getting a profile's models."""

    profile: str
    folder: str | None
    outcome: Literal["pulled", "there", "not_needed"]


class Findings(BaseModel):
    """What is wrong with the files of a profile; nothing where they are whole."""

    profile: str
    findings: tuple[str, ...]


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, server: ServerUrl = None, as_json: AsJson = False) -> None:
    """The sets of models: list, get and check them."""
    if context.invoked_subcommand is None:
        list_command(server, as_json=as_json)
    elif server or as_json:
        raise InvalidInputError("put --server and --json behind the command", field="models")


@models_app.command("list")
def list_command(server: ServerUrl = None, commercial: ForBusiness = False, as_json: AsJson = False) -> None:
    """List the sets of models with their licences."""
    found = server_at(server).models() if server else list_models(settings_with())
    show(for_business(found) if commercial else found, as_json, print_models)


def for_business(found: ListedModels) -> ListedModels:
    """Without those of which a part forbids it, or does not say."""
    return ListedModels(models=tuple(model for model in found.models if model.business is Business.YES))


@models_app.command("pull")
def pull_command(
    profile: PulledName,
    accept_licence: AcceptLicence = False,
    origin: Origin = None,
    revision: Revisions = None,
    as_json: AsJson = False,
) -> None:
    """Get the models of a profile, all or none; after an interruption it goes on where it was."""
    accepts = acceptance(accept_licence, say, lambda question: typer.confirm(question, err=True))
    wanted = profile_to_pull(profile, settings_with(), origin, accepts)
    with progress_bar("MB") as advance:
        result = pull_models(wanted, origin, revision or (), megabytes(advance))
    show(result, as_json, print_pull)


@models_app.command("verify")
def verify_command(profile: CheckedName = None, as_json: AsJson = False) -> None:
    """Read every file of the models again, and name those that are damaged, missing or not known."""
    settings = settings_with()
    with progress_bar("MB") as advance:
        result = verify_models(profile or settings.profile, settings, megabytes(advance))
    show(result, as_json, print_findings)
    if result.findings:
        raise typer.Exit(1)


def list_models(settings: Settings) -> ListedModels:
    """Every profile, and whether its files are here."""
    return ListedModels(models=tuple(listed(located(profile, settings)) for profile in profiles_of(settings).values()))


def listed(profile: Profile) -> ListedModel:
    return ListedModel(
        name=profile.name,
        description=profile.description,
        licence=profile.licence,
        business=business_use(profile.licences),
        side=profile.side,
        default_sigma=profile.default_sigma,
        classes=profile.classes,
        available=profile.is_there,
    )


def profile_to_pull(name: str, settings: Settings, origin: Path | None, accepts_licence: Ask) -> Profile:
    """The profile with its folder, when its models may be got. Raises ModelError that says what is in the way."""
    profile = located(find_profile(name, settings), settings)
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


def pull_models(profile: Profile, origin: Path | None, revisions: Iterable[str], on_progress: Progress) -> Pulled:
    """Gets a profile's models into its folder. Raises ModelError and HubError."""
    chosen = parse_revisions(revisions)
    folder = str(profile.folder) if profile.pulled else None
    if needs_nothing(profile):
        return Pulled(profile=profile.name, folder=folder, outcome="there" if profile.pulled else "not_needed")
    # Imported here: the hub's client is needed for nothing else.
    from adapters.hub.pull import adopt, pull

    tried = partial(try_out, profile)
    if origin is not None:
        adopt(profile, origin, on_progress, tried)
    else:
        pull(profile, chosen, on_progress, try_out=tried)
    return Pulled(profile=profile.name, folder=folder, outcome="pulled")


def try_out(profile: Profile, folder: Path) -> None:
    """Asks the classifier of a folder once before the folder is served. Raises ModelFilesError."""
    # Imported here: model libraries take seconds, and are needed once all files are there.
    from adapters.models.trial import try_classifier

    try_classifier(profile, settings_with(), folder)


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


def verify_models(name: str, settings: Settings, on_progress: Progress) -> Findings:
    """Reads every file of a profile again; `findings` says what is wrong with each that is not as it was."""
    profile = located(find_profile(name, settings), settings)
    if not profile.is_there:
        raise ModelFilesError(f"the models of profile {name} are not there: robustify models pull {name}")
    found = (*packaged_findings(profile), *folder_findings(profile, on_progress))
    return Findings(profile=name, findings=found)


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


def print_pull(console: Console, result: Pulled) -> None:
    lines = {
        "pulled": f"the models of {result.profile} are in {result.folder}",
        "there": f"the models of {result.profile} were in {result.folder} already",
        "not_needed": f"the models of {result.profile} come with the installation",
    }
    console.print(lines[result.outcome], highlight=False, soft_wrap=True)


def print_findings(console: Console, result: Findings) -> None:
    for finding in result.findings or [f"the models of {result.profile} are whole"]:
        console.print(finding, highlight=False, markup=False, soft_wrap=True)
