"""Lines: never more at work or waiting than their bounds, never longer than their time, no key with all places."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from service.errors import BUSY, ProblemError
from service.limits import LineBounds
from service.lines import Line

SOON, NEVER = 0.02, 60.0


class Play:
    """Requests that stand in a line: each stays at work until it is told to leave."""

    def __init__(self, tasks: TaskGroup, line: Line) -> None:
        self.tasks, self.line = tasks, line
        self.begun: list[str] = []
        self.refused: list[str] = []
        self.leave: dict[str, anyio.Event] = {}

    async def come(self, name: str, owner: str = "") -> anyio.CancelScope:
        """A request comes, and stands where it will stand when this returns; canceling the scope sends it away."""
        scope, self.leave[name] = anyio.CancelScope(), anyio.Event()
        self.tasks.start_soon(self._stand, name, owner, scope)
        await anyio.wait_all_tasks_blocked()
        return scope

    async def end(self, name: str) -> None:
        self.leave[name].set()
        await anyio.wait_all_tasks_blocked()

    async def _stand(self, name: str, owner: str, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                async with self.line.place(owner):
                    self.begun.append(name)
                    await self.leave[name].wait()
            except ProblemError as error:
                self.refused.append(name if error.kind is BUSY else error.kind.slug)


@asynccontextmanager
async def played(at_work: int, waiting: int, seconds: float = NEVER) -> AsyncIterator[Play]:
    async with anyio.create_task_group() as tasks:
        yield Play(tasks, Line(LineBounds(at_work, waiting, seconds)))
        tasks.cancel_scope.cancel()


def run(play: Callable[[], Awaitable[None]]) -> None:
    anyio.run(play)


def test_line_when_more_come_than_there_are_places() -> None:
    """So many are at work and so many wait; whoever is more is refused while they still stand there."""

    async def play() -> None:
        async with played(at_work=2, waiting=1) as requests:
            for name in "abcd":
                await requests.come(name)
            assert (requests.begun, requests.refused) == (["a", "b"], ["d"])
            assert (requests.line.at_work, requests.line.waiting) == (2, 1)
            await requests.end("b")
            assert requests.begun == ["a", "b", "c"]

    run(play)


def test_line_when_the_turn_does_not_come() -> None:
    """Who waits too long is sent away, and the place is free for another."""

    async def play() -> None:
        async with played(at_work=1, waiting=1, seconds=SOON) as requests:
            await requests.come("a")
            await requests.come("b")
            with anyio.fail_after(NEVER):
                while not requests.refused:
                    await anyio.sleep(SOON)
            assert (requests.refused, requests.line.waiting) == (["b"], 0)

    run(play)


def test_line_when_a_client_goes_away() -> None:
    """Its place is free, whether it waited or was at work."""

    async def play() -> None:
        async with played(at_work=1, waiting=1) as requests:
            at_work = await requests.come("a")
            waiting = await requests.come("b")
            waiting.cancel()
            await anyio.wait_all_tasks_blocked()
            await requests.come("c")
            at_work.cancel()
            await anyio.wait_all_tasks_blocked()
            assert (requests.begun, requests.refused) == (["a", "c"], [])

    run(play)


def test_line_when_a_client_goes_away_as_its_turn_comes() -> None:
    """The turn goes to the next one and is not lost."""

    async def play() -> None:
        async with played(at_work=1, waiting=2) as requests:
            await requests.come("a")
            waiting = await requests.come("b")
            await requests.come("c")
            requests.leave["a"].set()
            waiting.cancel()
            await anyio.wait_all_tasks_blocked()
            assert requests.line.at_work == 1
            assert "c" in requests.begun

    run(play)


def test_line_when_one_key_comes_again_and_again() -> None:
    """It has half of the places, and a request of another key finds one; without keys all places are everybody's."""

    async def play() -> None:
        async with played(at_work=1, waiting=3) as requests:
            for name in "abcd":
                await requests.come(name, owner="one")
            assert requests.refused == ["c", "d"]
            await requests.come("e", owner="other")
            assert requests.refused == ["c", "d"]
        async with played(at_work=1, waiting=3) as requests:
            for name in "abcd":
                await requests.come(name)
            assert requests.refused == []

    run(play)


def test_line_when_several_keys_wait() -> None:
    """The key whose last turn is longest ago is next; of one key, who came first."""

    async def play() -> None:
        async with played(at_work=1, waiting=7) as requests:
            for name, owner in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b")):
                await requests.come(name, owner)
            for name in ("a1", "b1", "a2", "b2"):
                await requests.end(name)
            assert requests.begun == ["a1", "b1", "a2", "b2", "a3"]

    run(play)


@pytest.mark.parametrize("owner", ["", "a key"])
def test_line_when_all_have_left(owner: str) -> None:
    """Nothing is kept of them."""

    async def play() -> None:
        line = Line(LineBounds(1, 3))
        for _ in range(3):
            async with line.place(owner):
                await anyio.lowlevel.checkpoint()
        assert (line.at_work, line.waiting, line._last_turns, dict(line._at_work)) == (0, 0, {}, {})

    run(play)
