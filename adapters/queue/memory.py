"""How much memory the queue server has taken, of how much it may."""

import redis

from adapters.contract.figures import QueueMemory
from adapters.queue.connection import code_of, server_errors


def queue_memory(connection: redis.Redis) -> QueueMemory | None:
    """None where our user may not ask, or the server does not say."""
    with server_errors():
        try:
            said = connection.info("memory")
        except redis.ResponseError as error:
            if code_of(error) != "NOPERM":
                raise
            return None
    return QueueMemory(used_bytes=int(said.get("used_memory", 0)), limit_bytes=int(said.get("maxmemory", 0)))
