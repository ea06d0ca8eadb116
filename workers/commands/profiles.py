"""`robustify profiles`: the files that say which models are served; making one for models of yours, and checking it."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Column, Table

from adapters.profiles.library import find_profile, located, path_of, readable, unreadable
from adapters.profiles.licences import Business, business_use
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from workers.commands.app import AsJson, app, say, settings_with, show

profiles_app = typer.Typer(help="The files that say which models are served: list, make and check them.")
app.add_typer(profiles_app, name="profiles")

Name = Annotated[str, typer.Argument(metavar="PROFILE", help="One of `robustify profiles list`.")]


class ListedProfile(BaseModel):
    """A profile and where its file is."""

    name: str
    description: str
    denoiser: str
    classifier: str
    side: int
    business: Business
    available: bool = Field(description="Whether its models are here.")
    own: bool = Field(description="Whether its file is the user's.")


class ListedProfiles(BaseModel):
    profiles: tuple[ListedProfile, ...]
    unreadable: tuple[str, ...] = Field(description="What is wrong with each file of the user's that is no profile.")


class Shown(BaseModel):
    """The text of a profile's file."""

    profile: str
    file: str
    text: str


@profiles_app.callback(invoke_without_command=True)
def profiles(context: typer.Context, as_json: AsJson = False) -> None:
    """The files that say which models are served: list, make and check them."""
    if context.invoked_subcommand is None:
        list_command(as_json)
    elif as_json:
        raise InvalidInputError("put --json behind the command", field="profiles")


@profiles_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List the profiles, those of the installation first; what is wrong with a file of yours is said beside."""
    settings = settings_with()
    wrong = tuple(map(str, unreadable(settings)))
    for error in wrong:
        say(f"not listed: {error}")
    found = tuple(listed(located(profile, settings)) for profile in readable(settings).values())
    show(ListedProfiles(profiles=found, unreadable=wrong), as_json, print_profiles)


@profiles_app.command("show")
def show_command(profile: Name, as_json: AsJson = False) -> None:
    """Print a profile's file, as an example for one of yours."""
    settings = settings_with()
    path = file_of(find_profile(profile, settings), settings)
    show(Shown(profile=profile, file=str(path), text=path.read_text(encoding="utf-8")), as_json, print_text)


def file_of(profile: Profile, settings: Settings) -> Path:
    return path_of(profile.name, settings)


def listed(profile: Profile) -> ListedProfile:
    return ListedProfile(
        name=profile.name,
        description=profile.description,
        denoiser=profile.denoiser,
        classifier=profile.classifier,
        side=profile.side,
        business=business_use(profile.licences),
        available=profile.is_there,
        own=profile.is_own,
    )


def print_profiles(console: Console, found: ListedProfiles) -> None:
    table = Table(Column("profile", no_wrap=True), "denoiser", "classifier", "images", "business", "here")
    for profile in found.profiles:
        size, here = f"{profile.side} x {profile.side}", "yes" if profile.available else "no"
        table.add_row(profile.name, profile.denoiser, profile.classifier, size, profile.business, here)
    console.print(table)


def print_text(console: Console, shown: Shown) -> None:
    console.print(shown.text, highlight=False, markup=False, soft_wrap=True, end="")
