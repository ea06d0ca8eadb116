"""`robustify store copy`: from a state folder and back, with what was left out."""

import json
from pathlib import Path

import pytest

from adapters.store.places import places_in
from robustify.types import Task
from tests.command_line import Command, command_line


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command_line(monkeypatch, capsys)


def test_copy_when_it_is_done_twice(command: Command, tmp_path: Path) -> None:
    """Everything is copied, and then it is there; what stands there otherwise is named, and the command fails."""
    source, target = places_in(tmp_path / "from"), places_in(tmp_path / "to")
    task = source.tasks_of().register("pets", Task(("cat", "dog")), "job", 0.0)
    arguments = ("store", "copy", str(tmp_path / "from"), str(tmp_path / "to"), "--json")
    done = command(*arguments)
    assert (done.returncode, json.loads(done.stdout)["objects"]) == (0, {"copied": 1})
    assert target.tasks_of().all() == [task]
    assert json.loads(command(*arguments).stdout)["objects"] == {"there already": 1}
    target.tasks_of().publish("pets", Task(("cat", "dog")), "another job", 1.0)
    left = command(*arguments)
    assert (left.returncode, json.loads(left.stdout)["left_out"]) == (1, [f"tasks/{task.id}.json"])
    assert "left out: tasks/" in command(*arguments[:-1]).stdout
    assert command(*arguments, "--replace").returncode == 0
    assert target.tasks_of().all() == [task]


@pytest.mark.parametrize(
    ("source", "said"),
    [("nowhere", "no folder nowhere"), ("http://host/x", "no store"), ("s3://user:secret@bucket/x", "credentials")],
)
def test_copy_when_it_cannot_be_begun(command: Command, tmp_path: Path, source: str, said: str) -> None:
    """It says what was wrong, and nothing is made."""
    refused = command("store", "copy", source, str(tmp_path / "to"))
    assert refused.returncode == 2
    assert said in refused.stderr
    assert not (tmp_path / "to").exists()
