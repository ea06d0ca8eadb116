"""Many wait to hear that what was accepted is kept: their looks at the queue server are shared."""

import time
from collections.abc import Sequence

import anyio
import pytest

from adapters.queue.written import File
from robustify.errors import QueueUnavailableError
from service.kept import Kept

MANY = 50
HELD_BACK, WRITTEN = File(100, 10), File(110, 0)


class Server:
    """Says one thing after the other, the last one again and again; each look takes a while."""

    def __init__(self, *found: File | QueueUnavailableError) -> None:
        self.begun: list[float] = []
        self.ended: list[float] = []
        self._found = found

    def look(self) -> File:
        self.begun.append(time.monotonic())
        time.sleep(0.02)
        found = self._found[min(len(self.begun), len(self._found)) - 1]
        self.ended.append(time.monotonic())
        if isinstance(found, QueueUnavailableError):
            raise found
        return found


def waited(server: Server, pauses: Sequence[float]) -> tuple[list[float], list[BaseException]]:
    """When each of them came that came after such pauses, and what was raised for any of them."""
    kept, came, raised = Kept(server.look), [], list[BaseException]()

    async def wait(pause: float) -> None:
        await anyio.sleep(pause)
        came.append(time.monotonic())
        try:
            await kept.be_sure()
        except QueueUnavailableError as error:
            raised.append(error)

    async def all_of_them() -> None:
        async with anyio.create_task_group() as group:
            for pause in pauses:
                group.start_soon(wait, pause)

    anyio.run(all_of_them)
    return came, raised


def test_many_at_once() -> None:
    """They share their looks, of which there is one at a time."""
    server = Server(*[HELD_BACK] * 5, WRITTEN)
    _, raised = waited(server, [0] * MANY)
    assert not raised
    assert 6 <= len(server.begun) <= 12
    assert all(ended <= begun for ended, begun in zip(server.ended, server.begun[1:], strict=False))


def test_one_after_the_other() -> None:
    """Nobody is answered by a look that was begun before he came: it says nothing of what was accepted since."""
    server = Server(WRITTEN)
    came, _ = waited(server, [0.005 * number for number in range(MANY)])
    for moment in came:
        assert any(begun >= moment for begun in server.begun)
    assert len(server.begun) < MANY


def test_server_that_is_gone() -> None:
    """All who wait hear of it, and of one attempt or two."""
    server = Server(HELD_BACK, QueueUnavailableError("it does not answer"))
    _, raised = waited(server, [0] * MANY)
    assert [str(error) for error in raised] == ["it does not answer"] * MANY
    assert len(server.begun) <= 3


def test_server_that_never_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has written all the same, by then: nobody waits for ever."""
    monkeypatch.setattr("service.kept.LONGEST_SECONDS", 0.2)
    server = Server(HELD_BACK)
    _, raised = waited(server, [0])
    assert not raised
    assert 2 <= len(server.begun) <= 20
