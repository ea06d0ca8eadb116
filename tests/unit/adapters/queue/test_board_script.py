"""The board's library of functions on a real queue server: found, renewed, and read where nothing may change."""

from collections.abc import Callable, Iterator

import pytest
import redis

from adapters.contract.jobs import JobRequest
from adapters.queue.board import JobBoard
from adapters.queue.board_script import MOST_LIBRARIES, PREFIX, BoardScript, fields_of, library_name
from adapters.settings import Settings
from robustify.errors import QueueUnavailableError

MakeRequest = Callable[..., JobRequest]
OLD = "#!lua name={name}\nredis.register_function('{name}', function() return 1 end)"


@pytest.fixture
def full_server(connection: redis.Redis) -> Iterator[Callable[[], None]]:
    """Leaves the server no memory for a change, from when it is called to the end of the test."""

    def fill() -> None:
        connection.config_set("maxmemory", "1mb")

    yield fill
    connection.config_set("maxmemory", "0")


def libraries(connection: redis.Redis) -> set[str]:
    return {fields_of(library)["library_name"] for library in connection.function_list(f"{PREFIX}*")}


def test_command_when_the_server_has_lost_the_library(connection: redis.Redis) -> None:
    """It is given the library again, and the command runs."""
    script = BoardScript(connection)
    assert script("live", job="none") == 0
    connection.execute_command("FUNCTION FLUSH")

    assert script("live", job="none") == 0
    assert libraries(connection) == {library_name()}


def test_libraries_when_releases_follow_each_other(connection: redis.Redis) -> None:
    """Those of a few releases may stay beside each other; of many, only that of the one that loads its own."""
    names = [f"{PREFIX}{number}" for number in range(MOST_LIBRARIES)]
    connection.execute_command("FUNCTION FLUSH")
    for name in names[:-1]:
        connection.function_load(OLD.format(name=name))
    BoardScript(connection)("live", job="none")
    assert libraries(connection) == {*names[:-1], library_name()}

    connection.function_delete(library_name())
    connection.function_load(OLD.format(name=names[-1]))
    BoardScript(connection)("live", job="none")

    assert libraries(connection) == {library_name()}


def test_board_when_the_server_has_no_memory_left(
    connection: redis.Redis,
    full_server: Callable[[], None],
    queue_settings: Settings,
    make_request: MakeRequest,
) -> None:
    """What is there is read, and every change is refused as a whole, with what to do about it."""
    board = JobBoard(connection, queue_settings)
    record = board.submit(make_request(), 100)
    before = connection.hgetall(f"robustify:job:{record.id}")
    full_server()

    assert board.get(record.id) == record
    assert board.ledger().predictions.issued == 0
    with pytest.raises(QueueUnavailableError, match="has no memory left"):
        board.cancel(record.id)
    with pytest.raises(QueueUnavailableError, match="has no memory left"):
        board.ping()
    assert connection.hgetall(f"robustify:job:{record.id}") == before


def test_overdue_job_when_nothing_may_change(
    connection: redis.Redis, full_server: Callable[[], None], queue_settings: Settings, make_request: MakeRequest
) -> None:
    """It is read as it stands, and no work on it is wanted; it expires as soon as it can."""
    board = JobBoard(connection, queue_settings)
    record = board.submit(make_request(), 100)
    connection.hset(f"robustify:job:{record.id}", "expires_at", "1.0")
    full_server()

    assert not board.is_live(record.id)
    assert [found.status for found in [board.get(record.id)] if found] == ["queued"]

    connection.config_set("maxmemory", "0")
    assert [found.status for found in [board.get(record.id)] if found] == ["expired"]
