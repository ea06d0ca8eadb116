"""Whether a replica has what the queue server has acknowledged: after a failover, that is all that there is.

It is asked for where Sentinels watch the server. A primary that is cut off from its replicas acknowledges on, until it
has missed them for `min-replicas-max-lag` seconds, and the replica that follows it knows nothing of that.
"""

import redis
from redis.sentinel import SentinelConnectionPool

from adapters.queue.connection import server_errors
from robustify.errors import QueueUnavailableError

MARK = "robustify:replicated"
MARK_SECONDS = 60
LONGEST_MILLISECONDS = 1000
NEEDS_REPLICAS = "min_slaves_good_slaves"
"""What a server says of itself only where it is not to write without replicas."""


def wait_until_replicated(connection: redis.Redis) -> None:
    """Returns once a replica has everything that was acknowledged before, or at once where no Sentinels are asked.

    Raises QueueUnavailableError where none has it in time, though the server is not to write without replicas.
    """
    if not isinstance(connection.connection_pool, SentinelConnectionPool):
        return
    with server_errors():
        try:
            is_known = replicas_that_know(connection) > 0
        except redis.exceptions.NoPermissionError:  # A user of an earlier release: it may not ask.
            return
        if not is_known and NEEDS_REPLICAS in connection.info("replication"):
            raise QueueUnavailableError("no replica has what the queue server acknowledged: try again later")


def replicas_that_know(connection: redis.Redis) -> int:
    """How many have a mark that is written now, and so all that was written before it.

    A server waits for what the same connection wrote, and what was acknowledged may have been written by another.
    """
    with connection.pipeline(transaction=False) as pipeline:
        pipeline.set(MARK, 1, ex=MARK_SECONDS)
        pipeline.wait(1, LONGEST_MILLISECONDS)
        found: int = pipeline.execute()[1]
    return found
