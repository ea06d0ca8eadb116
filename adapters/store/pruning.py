"""What nobody needs any more of what is stored: found here, and removed by whoever looked for it.

What a process is just making is never among it: everything has to have lain still for an hour.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from adapters.durable_files import TEMPORARY_PREFIX
from adapters.profiles.library import located, profiles_of
from adapters.profiles.text_encoder import encoder_of, letters_of_encoder
from adapters.settings import Settings, StateFolder
from adapters.store.adaptations import NAME
from adapters.store.folder import objects_in
from adapters.store.objects import Entry, Objects
from adapters.store.tasks import all_mentions
from adapters.store.walking import STILL_SECONDS, all_below, changed_at, folders_below


def longest_lifetime(settings: Settings) -> int:
    """Seconds after which an image is needed by no job that was asked for when it was stored, were none prolonged."""
    return settings.queue_seconds + settings.retention_seconds


def orphaned_adaptations(
    adaptations: Path | Objects, tasks: Path | Objects, is_needed: Callable[[str], bool]
) -> Iterator[Entry]:
    """What was adapted to a task that is gone; `is_needed` tells what a job under way answers with."""
    now, mentions = time.time(), all_mentions(tasks)
    for found in stored_adaptations(objects_in(adaptations)):
        is_still = now - found.modified_at > STILL_SECONDS
        if is_still and not any(found.name.encode() in text for text in mentions) and not is_needed(found.name):
            yield found


def stored_adaptations(adaptations: Objects) -> Iterator[Entry]:
    """Each with the bytes of all its files, and when one was written last."""
    found: dict[str, Entry] = {}
    for entry in adaptations.entries():
        digest = entry.name.partition("/")[0]
        known = found.get(digest, Entry(digest, 0, 0.0))
        found[digest] = Entry(digest, known.size + entry.size, max(known.modified_at, entry.modified_at))
    return (entry for entry in found.values() if NAME.fullmatch(entry.name))


def left_overs(state: StateFolder) -> Iterator[Path]:
    """What a process that died had begun to write. Downloads of models are not among it: they are gone on with."""
    for folder in (
        state.images,
        state.outcomes,
        state.previews,
        state.tasks,
        state.adaptations,
        state.adapting,
        state.prompts,
        state.ledger,
    ):
        yield from still(path for path in all_below(folder) if path.name.startswith(TEMPORARY_PREFIX))
    yield from still(state.root.glob(f"{TEMPORARY_PREFIX}*"))


def prompts_of_gone_models(settings: Settings) -> Iterator[Path]:
    """Embedded prompts of text encoders that no profile has here, and those of releases that named none."""
    here = {encoder_of(located(profile, settings)) for profile in profiles_of(settings).values()}
    for path in still(settings.state.prompts.glob("*.safetensors")):
        if not any(encoder and path.name.startswith(letters_of_encoder(encoder)) for encoder in here):
            yield path


def empty_folders(root: Path) -> Iterator[Path]:
    """The innermost first, so that what holds nothing but empty folders is found too, once these are removed."""
    for folder in folders_below(root):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > STILL_SECONDS and not any(folder.iterdir()):
                yield folder


def still(paths: Iterator[Path]) -> Iterator[Path]:
    """Those in which nothing has changed for long enough."""
    for path in paths:
        with suppress(FileNotFoundError):  # Somebody else was first.
            if time.time() - changed_at(path) > STILL_SECONDS:
                yield path
