"""Whether what the queue server has acknowledged is in its append-only file.

A server that syncs each second acknowledges before it writes while a sync takes long, and holds back what it has for
two seconds at most (`appendfsync everysec`). Killed then, it has lost what it acknowledged. A loss of power may take
the last second, whatever is looked at here.
"""

from dataclasses import dataclass

import redis

from adapters.queue.connection import said_of_itself

LONGEST_SECONDS = 3.0
"""After which the server has written all that it held back."""


@dataclass(frozen=True)
class File:
    """Bytes that are in the append-only file, and those that the server has in memory for it."""

    written: int = 0
    held_back: int = 0

    @property
    def end(self) -> int:
        return self.written + self.held_back

    def awaited(self, found: "File") -> "File | None":
        """Of what this was when we looked first, what is still to be written now that the server has `found`.

        1. What is in the file, and behind it what is held back, ends where our own changes do, or later.
        2. They are written when the file is as long as that, and None is left; what others ask meanwhile comes behind.
        3. A file that has become shorter was rewritten: what it is now is waited for instead.
        """
        known = found if found.written < self.written else self
        return known if found.written < known.end else None


def file_of(connection: redis.Redis) -> File:
    """Empty where the server has none, or our user may not ask."""
    said = said_of_itself(connection, "persistence")
    if not said.get("aof_enabled"):
        return File()
    return File(int(said["aof_current_size"]), int(said["aof_buffer_length"]))
