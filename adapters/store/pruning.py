"""What nobody needs any more of the state folder: found here, and removed by whoever looked for it.

What a process is just making is never among it: everything has to have lain still for an hour.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from adapters.durable_files import TEMPORARY_PREFIX
from adapters.profiles.library import located, profiles_of
from adapters.profiles.text_encoder import encoder_of, letters_of_encoder
from adapters.settings import Settings, StateFolder
from adapters.store.adaptations import NAME
from adapters.store.tasks import is_mentioned
from adapters.store.walking import all_below, files_below, folders_below

STILL_SECONDS = 3600
"""Nothing that is being made lies still for so long."""


def longest_lifetime(settings: Settings) -> int:
    """Seconds after which an image is needed by no job that was asked for when it was stored, were none prolonged."""
    return settings.queue_seconds + settings.retention_seconds


def orphaned_adaptations(state: StateFolder, is_needed: Callable[[str], bool]) -> Iterator[Path]:
    """What was adapted to a task that is gone; `is_needed` tells what a job under way answers with."""
    for folder in still(state.adaptations.glob("*")):
        if NAME.fullmatch(folder.name) and not is_mentioned(folder.name, state.tasks) and not is_needed(folder.name):
            yield folder


def left_overs(state: StateFolder) -> Iterator[Path]:
    """What a process that died had begun to write. Downloads of models are not among it: they are gone on with."""
    for folder in (state.images, state.outcomes, state.tasks, state.adaptations, state.adapting, state.prompts):
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


def changed_at(path: Path) -> float:
    """When a file, or anything in a folder, was written last; seconds since the epoch."""
    return max([path.stat().st_mtime, *(part.lstat().st_mtime for part in all_below(path))])


def bytes_of(path: Path) -> int:
    """Of a file, or of all files in a folder, as far as they are there."""
    total = 0
    for part in (path, *files_below(path)):
        with suppress(OSError):
            total += part.lstat().st_size if not part.is_dir() else 0
    return total


def remove(path: Path) -> None:
    """A file or a folder with all that is in it; nothing where it is gone. Raises OSError where it stays."""
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
