"""How many connections there may be, and which has to go when there is one too many."""

import resource
from collections.abc import Callable

from uvicorn.server import ServerState

from service.errors import ProblemError

MOST_CONNECTIONS = 4096
WANTED_FILES = MOST_CONNECTIONS + 1024
BACKLOG = 128
"""Connections that the system holds until they are taken: asyncio takes so many at once before any can be refused."""
LINGERING = 64
"""Connections beside those that there may be, to tell their clients that there is no room."""
RESERVED_FILES = BACKLOG + LINGERING + 128
"""For these, and for the queue server's connections, the store and the decoders."""

Close = Callable[[], None]
NoteRefusal = Callable[[str, ProblemError], None]
"""Is told of what was answered before there was a request: the name that the answer has, and its problem."""


class Connections(ServerState):
    """All connections of the server; those that wait for the headers of a request can be closed for a newcomer."""

    def __init__(self, most: int, note_refusal: NoteRefusal = lambda name, problem: None) -> None:
        super().__init__()
        self.most = most
        self.note_refusal = note_refusal
        self._waiting: dict[object, Close] = {}  # Who has waited longest comes first.

    @property
    def is_full(self) -> bool:
        """Whether there are more than there may be."""
        return len(self.connections) > self.most

    @property
    def is_overrun(self) -> bool:
        """Whether there is not even room to tell a newcomer that there is none."""
        return len(self.connections) > self.most + min(LINGERING, self.most // 4)

    def note_waiting(self, connection: object, close: Close) -> None:
        self._waiting.setdefault(connection, close)

    def note_busy(self, connection: object) -> None:
        """It has sent a request, or is gone."""
        self._waiting.pop(connection, None)

    def make_room(self) -> bool:
        """Closes the one that has sent no request for longest; False when all are at work.

        So whoever opens connections and sends nothing drives out connections like these, and nobody else: a request
        comes right behind its connection.
        """
        if not self._waiting:
            return False
        self._waiting.pop(next(iter(self._waiting)))()
        return True


def most_connections() -> int:
    """So many that the process never runs out of open files, whose limit is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    files = WANTED_FILES if soft == resource.RLIM_INFINITY else soft
    return max(files // 2, min(MOST_CONNECTIONS, files - RESERVED_FILES))
