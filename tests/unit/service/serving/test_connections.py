"""How many connections there may be, and who goes for a newcomer."""

import resource
from functools import partial

import pytest

from service.serving.connections import MOST_CONNECTIONS, RESERVED_FILES, Connections, most_connections


def test_room_when_some_have_sent_nothing() -> None:
    """Who has waited longest goes first; who is at work, or gone, never does."""
    connections, closed = Connections(2), list[str]()
    for name in ("first", "second", "third"):
        connections.note_waiting(name, partial(closed.append, name))
    connections.note_busy("first")
    connections.note_waiting("second", lambda: closed.append("again"))
    assert [connections.make_room() for _ in range(3)] == [True, True, False]
    assert closed == ["second", "third"]


@pytest.mark.parametrize(("soft", "hard", "most"), [
    (256, 20000, MOST_CONNECTIONS), (256, 1024, 1024 - RESERVED_FILES), (128, 300, 150), (256, -1, MOST_CONNECTIONS),
])  # fmt: skip
def test_bound_when_files_are_limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, most: int) -> None:
    """The limit is raised as far as it may be, and connections leave files for all else."""
    limits = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: limits.append(limit))
    assert most_connections() == most
    assert limits[-1][0] >= most
