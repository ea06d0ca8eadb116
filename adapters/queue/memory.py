"""How much memory the queue server has taken, of how much it may."""

import redis

from adapters.contract.figures import QueueMemory
from adapters.queue.connection import said_of_itself


def queue_memory(connection: redis.Redis) -> QueueMemory | None:
    """None where our user may not ask, or the server does not say."""
    said = said_of_itself(connection, "memory")
    if not said:
        return None
    return QueueMemory(used_bytes=int(said.get("used_memory", 0)), limit_bytes=int(said.get("maxmemory", 0)))
