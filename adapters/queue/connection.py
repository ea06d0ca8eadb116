"""The connection to the queue server, and what its failures mean to the rest of the service."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from types import MappingProxyType

import redis
import redis.asyncio
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from adapters.queue.sentinels import sentinel_address
from robustify.errors import QueueUnavailableError

ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 2.0
WRONG_CREDENTIALS = "does not accept the credentials: put the right user and password into ROBUSTIFY_REDIS_URL"
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "MISCONF": "cannot write to its disk: make room there",
        "OOM": "has no memory left: wait until jobs have expired, or give it more (maxmemory, ROBUSTIFY_QUEUE_BYTES)",
        "READONLY": "is a replica: put the primary into ROBUSTIFY_REDIS_URL",
        "NOREPLICAS": "has too few replicas: start them, or lower min-replicas-to-write",
        "LOADING": "still loads its data: wait",
        "BUSY": "is busy with a script: wait, or end that with FUNCTION KILL",
        "MASTERDOWN": "is a replica without its primary: start that",
        "CLUSTERDOWN": "belongs to a cluster that is down: start that",
        "TRYAGAIN": "is moving its data to another server: wait",
        "NOAUTH": WRONG_CREDENTIALS,
        "WRONGPASS": WRONG_CREDENTIALS,
        "NOPERM": "does not let its user do this: give it rights on all keys and all commands, or name another one in "
        "ROBUSTIFY_REDIS_URL",
    }
)
"""The server's own classes of error after which a later try may do, and what to do about each."""
NO_ANSWER = "does not answer: start it, or check ROBUSTIFY_REDIS_URL"
CODE = re.compile(r"(?:^|of pipeline caused error: )([A-Z]+)\b")


def connect(url: str) -> redis.Redis:
    """A client for `redis://`, `rediss://` or `unix://`, or of the primary that Sentinels know (`redis+sentinel://`).

    Nothing is sent before its first command.
    """
    retry = Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3)
    timeouts = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
    watched = sentinel_address(url)
    if watched is not None:
        return watched.client(health_check_interval=30, retry=retry, **timeouts)
    return redis.Redis.from_url(url, health_check_interval=30, retry=retry, **timeouts)


def connect_in_loop(url: str) -> AbstractAsyncContextManager[redis.asyncio.Redis]:
    """The same for an event loop, to listen: it waits for ever for what is told. Its connections end with the block."""
    watched = sentinel_address(url)
    if watched is not None:
        return watched.async_client(health_check_interval=10)
    return redis.asyncio.Redis.from_url(url, health_check_interval=10)


@contextmanager
def server_errors() -> Iterator[None]:
    """Turns what a later try may mend into QueueUnavailableError, whose message says what to do; for logs only."""
    try:
        yield
    except redis.RedisError as error:
        if not is_unavailable(error):
            raise
        raise QueueUnavailableError(reason_of(error)) from error


def said_of_itself(connection: redis.Redis, section: str) -> Mapping[str, int | str]:
    """A section of the server's INFO; empty where our user may not ask. Raises QueueUnavailableError."""
    with server_errors():
        try:
            said: Mapping[str, int | str] = connection.info(section)
        except redis.ResponseError as error:
            if code_of(error) != "NOPERM":
                raise
            return {}
    return said


def is_unavailable(error: redis.RedisError) -> bool:
    """Whether the server does not answer, or will not do now what it is asked for."""
    return isinstance(error, redis.ConnectionError | redis.TimeoutError) or code_of(error) in REMEDIES


def reason_of(error: redis.RedisError | QueueUnavailableError) -> str:
    """What the server says and what to do about it, for the log of whoever cannot go on."""
    if isinstance(error, QueueUnavailableError):
        return str(error)
    code = code_of(error)
    says = str(error) if code in str(error) else f"{code} {error}"
    if code in REMEDIES:
        return f"the queue server {REMEDIES[code]} (it says: {says})"
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return f"the queue server {NO_ANSWER} ({type(error).__name__}: {says})"
    return f"the queue server refused a command (it says: {says})"


def code_of(error: redis.RedisError) -> str:
    """The class that the server gives its error, in capital letters; nothing if the error is not the server's."""
    code = getattr(error, "status_code", None)
    if isinstance(code, str) and code != "ERR":
        return code
    if isinstance(error, redis.AuthenticationError):  # Older servers say so in words alone.
        return "WRONGPASS"
    found = CODE.search(str(error)) if isinstance(error, redis.ResponseError) else None
    return found[1] if found else ""
