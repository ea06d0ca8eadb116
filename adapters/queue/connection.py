"""The connection to the queue server, and what its failures mean to the rest of the service."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from robustify.errors import QueueUnavailableError

ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 2.0
SERVER_CANNOT_WRITE = (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError)


def connect(url: str) -> redis.Redis:
    """A client for `redis://`, `rediss://` or `unix://`; nothing is sent before its first command."""
    return redis.Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
    )


@contextmanager
def server_errors() -> Iterator[None]:
    """Turns "no answer" and "cannot write" into QueueUnavailableError."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, *SERVER_CANNOT_WRITE) as error:
        raise unavailable() from error
    except redis.ResponseError as error:
        if str(error).startswith("MISCONF"):
            raise unavailable() from error
        raise


def unavailable() -> QueueUnavailableError:
    return QueueUnavailableError("the queue server does not answer or cannot write: start it, or try again later")
