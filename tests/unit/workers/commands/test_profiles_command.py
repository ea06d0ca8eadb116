"""`robustify profiles list` and `show`."""

import json
import tomllib
from pathlib import Path

import pytest

from adapters.profiles.library import SHIPPED, shipped_profiles
from tests.command_line import Command, command_line


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path / "state"))
    return command_line(monkeypatch, capsys)


def test_list(command: Command) -> None:
    """Those of the installation, the usual one first, as one document or as a table."""
    done = command("profiles", "list", "--json")
    listed = json.loads(done.stdout)["profiles"]
    assert [profile["name"] for profile in listed] == list(shipped_profiles())
    assert [profile["name"] for profile in listed if profile["business"] == "yes"][:1] == ["imagenet-lite0-ffdnet"]
    assert not any(profile["own"] for profile in listed)
    assert "imagenet-lite0-ffdnet" in command("profiles").stdout


def test_list_when_a_file_is_no_profile(command: Command, tmp_path: Path) -> None:
    """It is named beside the list and in the document, with its line, and the others are listed."""
    folder = tmp_path / "state" / "profiles"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("name = 3")
    done = command("profiles", "list")
    assert done.returncode == 0
    assert "mini" in done.stdout
    assert "not listed: mine.toml, line 1: name: Input should be a valid string" in done.stderr
    (error,) = json.loads(command("profiles", "list", "--json").stdout)["unreadable"]
    assert error.startswith("mine.toml, line 1: name: ")


def test_models_when_a_file_is_no_profile(command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is named in the log, and the others are listed."""
    folder = tmp_path / "state" / "profiles"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("name = 3")
    done = command("models", "list")

    assert "mini" in done.stdout
    assert [message.partition(": Input")[0] for message in caplog.messages] == ["not listed: mine.toml, line 1: name"]


def test_show(command: Command) -> None:
    """The file as it is, so that it can be copied."""
    done = command("profiles", "show", "mini")
    assert done.stdout == (SHIPPED / "mini.toml").read_text()
    assert tomllib.loads(done.stdout)["name"] == "mini"
    assert command("profiles", "show", "../mini").returncode == 2
