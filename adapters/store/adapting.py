"""The work of adaptations that are under way, on disk: a folder for each request, which outlives a worker.

A request that is asked for again goes on where it was; what nobody goes on with is stale after a while.
"""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from adapters.canonical_json import text_digest
from adapters.contract.jobs import AdaptRequest
from adapters.settings import Settings

CANCELED = "canceled"
CANCELED_SECONDS = 3600
"""Who cancels seldom asks again, and a folder may hold the weights of a classifier three times."""


def work_folder(request: AdaptRequest, settings: Settings, references: str = "") -> Path:
    """Where an adaptation is made: the same for the same request, so that work outlives a job that was stopped.

    `references`: the digest of the user's own, where they are not synthesised.
    """
    name = text_digest(request.model_dump_json() + references)[:16]
    return settings.state.adapting / name


def take_up(folder: Path) -> None:
    """Somebody goes on with this work."""
    (folder / CANCELED).unlink(missing_ok=True)


def note_canceled(folder: Path) -> None:
    """Nobody waits for this work any more."""
    with suppress(OSError):  # It is not there yet, or the disk is full: then it goes when it is old.
        (folder / CANCELED).touch()


def stale_work(settings: Settings) -> Sequence[Path]:
    """The folders that nobody has gone on with for so long that they may go."""
    now, kept = time.time(), settings.retention_seconds
    return [path for path in sorted(settings.state.adapting.glob("*")) if is_stale(path, now, kept)]


def is_stale(folder: Path, now: float, kept_seconds: float) -> bool:
    if (folder / CANCELED).is_file():
        kept_seconds = min(kept_seconds, CANCELED_SECONDS)
    try:
        changed = max((part.stat().st_mtime for part in folder.rglob("*")), default=folder.stat().st_mtime)
    except FileNotFoundError:
        return False  # Somebody goes on with it just now.
    return now - changed > kept_seconds


def prune_work(settings: Settings) -> Sequence[Path]:
    """Removes stale work; returns the folders that were removed."""
    stale = stale_work(settings)
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
    return stale
