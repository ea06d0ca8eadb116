"""What the errors of a queue server mean, each as redis reads it from the wire or as a real server gives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis._parsers.base import BaseParser
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters.queue.connection import REMEDIES, connect, reason_of, server_errors
from adapters.queue.server import EmbeddedServer
from robustify.errors import QueueUnavailableError


def error_of(line: str) -> redis.RedisError:
    error = BaseParser.parse_error(line)
    assert isinstance(error, redis.RedisError)
    return error


@pytest.mark.parametrize("code", REMEDIES)
def test_error_that_may_pass(code: str) -> None:
    """The queue is unavailable then; its own words and what to do are told."""
    with pytest.raises(QueueUnavailableError, match=f"{code} some words") as told, server_errors():
        raise error_of(f"{code} some words")
    assert REMEDIES[code] in str(told.value)
    assert reason_of(told.value) == str(told.value)


@pytest.mark.parametrize("error", [redis.ConnectionError("refused"), redis.TimeoutError("late")])
def test_server_that_does_not_answer(error: redis.RedisError) -> None:
    """The queue is unavailable then."""
    with pytest.raises(QueueUnavailableError, match="does not answer: start it"), server_errors():
        raise error


@pytest.mark.parametrize("line", ["WRONGTYPE Operation against a key", "ERR unknown command", "EXECABORT discarded"])
def test_error_of_ours(line: str) -> None:
    """It is not hidden, and quoted in a log."""
    with pytest.raises(redis.ResponseError), server_errors():
        raise error_of(line)
    assert line.removeprefix("ERR ") in reason_of(error_of(line))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path) as server:
        yield server


@pytest.mark.slow
def test_credentials(server: EmbeddedServer) -> None:
    """No password, a wrong one and too few rights are told apart from a server that is away."""
    with connect(server.url) as operator, connect(server.url) as nobody:
        operator.execute_command("ACL", "SETUSER", "reader", "on", ">right", "~*", "+get", "+hello", "+client")
        operator.config_set("requirepass", "secret")
        told = [said_by(nobody)]
        for password in ("wrong", "right"):
            with impatient(server, username="reader", password=password) as client:
                told.append(said_by(client))
    assert "does not accept the credentials" in told[0]
    assert "WRONGPASS" in told[1]
    assert "NOPERM" in told[2]


def impatient(server: EmbeddedServer, **options: object) -> redis.Redis:
    """A client that tries once."""
    return redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), retries=0), **options)


def said_by(client: redis.Redis) -> str:
    with pytest.raises(QueueUnavailableError) as told, server_errors():
        client.set("key", "value")
    return str(told.value)


def test_script_that_does_not_end(server: EmbeddedServer) -> None:
    """The server is busy, which passes."""
    with connect(server.url) as client:
        client.config_set("busy-reply-threshold", 10)
        with impatient(server, socket_timeout=0.2) as other:
            with pytest.raises(redis.TimeoutError):
                other.eval("while true do end", 0)
        assert "is busy with a script" in said_by(client)
        client.script_kill()
