"""The job board: the service's own records of jobs, shards and votes; RQ only carries ids and wakes workers.

Every change is one atomic command of the board's script. All methods raise QueueUnavailableError when the server does
not answer, and may be called again after that without harm.
"""

import redis

from adapters.queue.asking import Asking
from adapters.queue.batching import Batching
from adapters.queue.board_script import BoardScript
from adapters.queue.keeping import Keeping
from adapters.queue.known import KnownJobs
from adapters.queue.telling import Telling
from adapters.queue.watching import Watching
from adapters.queue.working import Working
from adapters.settings import Settings
from adapters.store.places import places_of


class JobBoard(Asking, Batching, Working, Telling, Watching, Keeping):
    """All that the service and the workers know of jobs: what is asked for, what is worked on, what is counted."""

    def __init__(self, connection: redis.Redis, settings: Settings) -> None:
        self._call = BoardScript(connection)
        self._known = KnownJobs()
        self._connection = connection
        self._settings = settings
        places = places_of(settings)
        self._outcomes, self._ledger = places.outcomes, places.ledger
