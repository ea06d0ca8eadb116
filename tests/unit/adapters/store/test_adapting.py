"""The work of adaptations under way: kept for who goes on with it, and not for ever."""

import os
import time
from pathlib import Path

import pytest

from adapters.settings import Settings
from adapters.store.adapting import CANCELED_SECONDS, note_canceled, prune_work, stale_work, take_up

RETENTION = 10 * CANCELED_SECONDS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, retention_seconds=RETENTION)


def work(settings: Settings, name: str, age: float, canceled: bool = False) -> Path:
    """A folder that was last changed so many seconds ago."""
    folder = settings.state.adapting / name
    (folder / "made").mkdir(parents=True)
    (folder / "made" / "lora.safetensors").write_bytes(b"weights")
    if canceled:
        note_canceled(folder)
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (time.time() - age,) * 2)
    return folder


def test_work_when_it_grows_old(settings: Settings) -> None:
    """What was canceled goes after an hour, what was stopped after the retention; the younger stays."""
    for canceled, kept in ((True, CANCELED_SECONDS), (False, RETENTION)):
        work(settings, f"old {canceled}", kept + 60, canceled)
        work(settings, f"young {canceled}", kept - 60, canceled)
    found = stale_work(settings)

    assert [folder.name for folder in found] == ["old False", "old True"]
    assert all(folder.is_dir() for folder in found)
    assert prune_work(settings) == found
    assert [path.name for path in sorted(settings.state.adapting.iterdir())] == ["young False", "young True"]


def test_canceled_work_that_is_taken_up(settings: Settings) -> None:
    """It is kept as long as any other."""
    folder = work(settings, "again", CANCELED_SECONDS + 60, canceled=True)
    take_up(folder)
    assert stale_work(settings) == []


def test_retention_that_is_shorter(settings: Settings) -> None:
    """It holds for canceled work too."""
    folder = work(settings, "canceled", 120, canceled=True)
    assert stale_work(settings.model_copy(update={"retention_seconds": 60})) == [folder]


def test_work_that_is_not_there(settings: Settings) -> None:
    """To note or to take up what never began, and to look through nothing, is no failure."""
    folder = settings.state.adapting / "never"
    note_canceled(folder)
    take_up(folder)
    assert prune_work(settings) == []
