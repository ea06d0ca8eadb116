"""Why the embedded queue server ended, out of what it said, in words of what to do."""

import re
import signal
from collections.abc import Sequence

from adapters.queue.append_only import BEGIN_ANEW

REASONS = (
    (
        r"No space left on device|Disk quota exceeded|File too large",
        "the disk of the state folder is full: make room on it",
    ),
    (r"Read-only file system|Input/output error", "the disk of the state folder cannot be written: mend it"),
    (r"Permission denied|Operation not permitted", "the state folder is not this user's to write in"),
    (
        r"Unix socket|[Bb]ind",
        "its socket cannot be opened: choose another ROBUSTIFY_STATE_DIR, on a local disk",
    ),
    (r"RDB|Short read or OOM loading", f"the base of its append-only file is damaged: {BEGIN_ANEW}"),
    (
        r"reading the append only file|AOF manifest|AOF MANIFEST|Unable to obtain the AOF",
        f"its append-only file is damaged: {BEGIN_ANEW}",
    ),
    (r"Can't allocate|Out Of Memory|Cannot allocate memory", "there is too little memory for it"),
    (r"Bad directive|FATAL CONFIG|unknown option", "it is too old: install Valkey, or Redis 7 or newer"),
)
"""Patterns of its log, the most telling first."""
ADVICE = re.compile(r"[.:,]? *(?:You can: 1\)|make a backup).*", re.IGNORECASE)
"""It names a tool that is not shipped."""
CANNOT_READ = re.compile(r"(?:Bad file format|Unexpected end of file|Error) reading the append only file")


def reason_of_end(returncode: int, warnings: Sequence[str]) -> str:
    """`warnings`: what it said of trouble, the last one last."""
    if returncode < 0:
        return f"it was ended by {signal.Signals(-returncode).name}"
    if returncode == 0:
        return "it was told to stop"
    for pattern, reason in REASONS:
        if said := [warning for warning in warnings if re.search(pattern, warning)]:
            return f"{reason} (it said: {without_advice(said[-1])})"
    return f"it said: {without_advice(warnings[-1])}" if warnings else f"exit code {returncode}, without a word"


def reason_of_failure(error: OSError) -> str:
    """The same of what failed before there was a process."""
    return reason_of_end(1, [error.strerror or str(error)])


def is_about_the_file(warnings: Sequence[str]) -> bool:
    """Whether it could not read a command in its append-only file."""
    return any(CANNOT_READ.search(warning) for warning in warnings)


def without_advice(warning: str) -> str:
    return ADVICE.sub("", warning).strip()
