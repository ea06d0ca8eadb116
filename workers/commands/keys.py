"""`robustify keys`: who may ask, made and withdrawn on this machine, and never over HTTP."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.contract.access import USER_SCOPES, Allowance, Scope
from adapters.profiles.library import find_profile
from adapters.store.api_keys import ApiKey, ApiKeyStore, NewKey
from workers.commands.app import AsJson, app, settings_with, show

DAY_SECONDS, HOUR_SECONDS = 86400, 3600
NOTHING = "-"

keys_app = typer.Typer(help="The keys that callers have: make, list, rotate and revoke them.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, in your words.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `robustify keys list` shows it.")]
Scopes = Annotated[
    list[Scope] | None, typer.Option("--scope", help="What it may do; repeat it. By default all but admin.")
]
SamplesPerDay = Annotated[int | None, typer.Option(help="Noisy samples that it may ask for in a day.", min=1)]
RequestsPerMinute = Annotated[int | None, typer.Option(help="Requests that it may send in a minute.", min=1)]
QueuedJobs = Annotated[int | None, typer.Option(help="Jobs that it may have waiting.", min=1)]
StoredBytes = Annotated[int | None, typer.Option(help="Bytes of images that it may have stored.", min=1)]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", help="Whose models it may ask; repeat it. By default all that are served."),
]
Days = Annotated[int | None, typer.Option(help="Days after which it holds no longer; by default it holds.", min=1)]
GraceHours = Annotated[float, typer.Option(help="Hours for which the secret of before holds too.", min=0)]


class KeyDescription(BaseModel):
    """A key without its secret; times are ISO 8601 in UTC."""

    id: str
    name: str
    state: str
    scopes: tuple[Scope, ...]
    allowance: Allowance
    profiles: tuple[str, ...] | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class CreatedKey(KeyDescription):
    """A key with its text, which is shown this once."""

    key: str


class Keys(BaseModel):
    """In the order in which they were made."""

    keys: tuple[KeyDescription, ...]


@keys_app.command("create")
def create_command(
    name: Name,
    scope: Scopes = None,
    samples_per_day: SamplesPerDay = None,
    requests_per_minute: RequestsPerMinute = None,
    queued_jobs: QueuedJobs = None,
    stored_bytes: StoredBytes = None,
    profile: Profiles = None,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: of its secret, a digest alone is kept."""
    now = time.time()
    allowance = Allowance(
        samples_per_day=samples_per_day,
        requests_per_minute=requests_per_minute,
        queued_jobs=queued_jobs,
        stored_bytes=stored_bytes,
    )
    expires_at = None if days is None else now + days * DAY_SECONDS
    profiles = known_profiles(profile)
    made = store().create(name, now, frozenset(scope or USER_SCOPES), allowance, expires_at, profiles)
    show(described_with_text(made), as_json, print_text)


@keys_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """List all keys, those that hold no longer too; no secret is known."""
    show(Keys(keys=tuple(described(key) for key in store().all())), as_json, print_keys)


@keys_app.command("rotate")
def rotate_command(key_id: KeyId, grace_hours: GraceHours = 24, as_json: AsJson = False) -> None:
    """Give a key another secret and print it, this once; the old one holds for a while."""
    rotated = store().rotate(key_id, time.time(), grace_hours * HOUR_SECONDS)
    show(described_with_text(rotated), as_json, print_text)


@keys_app.command("revoke")
def revoke_command(key_id: KeyId, as_json: AsJson = False) -> None:
    """Let a key open nothing any more, at once."""
    revoked = described(store().revoke(key_id, time.time()))
    show(revoked, as_json, lambda console, key: console.print(Text(f"key {key.id} ({key.name}) is revoked")))


def known_profiles(names: list[str] | None) -> frozenset[str] | None:
    """Raises InvalidInputError for a profile that there is not: a key for a misspelt one would open nothing."""
    if not names:
        return None
    settings = settings_with()
    return frozenset(find_profile(name, settings).name for name in names)


def store() -> ApiKeyStore:
    """Of the environment's state folder."""
    return ApiKeyStore(settings_with().state.api_keys)


def described(key: ApiKey) -> KeyDescription:
    return KeyDescription(
        id=key.id,
        name=key.name,
        state=state_of(key, time.time()),
        scopes=tuple(scope for scope in Scope if scope in key.scopes),
        allowance=key.allowance,
        profiles=None if key.profiles is None else tuple(sorted(key.profiles)),
        created_at=iso_time(key.created_at),
        expires_at=None if key.expires_at is None else iso_time(key.expires_at),
        revoked_at=None if key.revoked_at is None else iso_time(key.revoked_at),
    )


def described_with_text(made: NewKey) -> CreatedKey:
    return CreatedKey(**described(made.key).model_dump(), key=made.token)


def state_of(key: ApiKey, now: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "valid" if key.is_valid(now) else "expired"


def iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def print_text(console: Console, created: CreatedKey) -> None:
    """The key on a line of its own, to be copied."""
    console.print(Text(created.key, "bold"), soft_wrap=True)
    console.print(Text("Keep it now: it is not shown again. Send it as `Authorization: Bearer KEY`."), soft_wrap=True)


def print_keys(console: Console, listed: Keys) -> None:
    columns = ("id", "name", "state", "scopes", "profiles", "allowance", "created", "expires")
    table = Table(*columns, box=None, pad_edge=False)
    for key in listed.keys:
        allowed = ", ".join(f"{name} {value}" for name, value in key.allowance.model_dump(exclude_none=True).items())
        days = (key.created_at[:10], (key.expires_at or NOTHING)[:10])
        profiles = "all" if key.profiles is None else " ".join(key.profiles)
        table.add_row(key.id, Text(key.name), key.state, " ".join(key.scopes), profiles, allowed or NOTHING, *days)
    console.print(table)
