"""`robustify profiles tune`: what is printed, and what is written."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.models.tuning_choices import Choice, End, Speed
from adapters.profiles.files import read_profile
from robustify.errors import InvalidInputError
from workers.commands.app import app
from workers.commands.profile_tune import MeasuredFormat, Tuned, lines_of, tune_command

OWN = """\
name = "own"
description = "A coin."
licence = "Mine."
side = 32
batch = 7  # as I like it

[denoiser]
kind = "identity"

[denoiser.licence]
name = "no model"
business = "yes"

[classifier]
kind = "oracle"
classes = 2

[classifier.licence]
name = "Mine"
business = "yes"
"""
TUNED = Tuned(
    profile="own",
    device="cpu",
    measured=(MeasuredFormat(dtype="float32", speeds=(Speed(1, 10.0),), end=End.TIME, without_vote=0),),
    gain=1.9,
    agreement=0.995,
    compared=200,
    proposed=Choice("bfloat16", 20, 140, 95.5),
    in_place_of=("float32", 10, 20),
    written=False,
    overridden=(),
    hint="to write it: ...",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROBUSTIFY_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("ROBUSTIFY_DTYPE", raising=False)
    (tmp_path / "profiles").mkdir()
    return tmp_path / "profiles"


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["profiles", "tune", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.slow
def test_own_profile(folder: Path) -> None:
    """Measured alone it stays as it is; with --write it says what was proposed, and its comments stay."""
    path = folder / "own.toml"
    path.write_text(OWN)
    found = json.loads(printed("own", "--seconds", "1", "--json"))
    assert path.read_text() == OWN
    assert (found["in_place_of"], found["written"], found["agreement"]) == (["float32", 7, 100], False, 1.0)
    written = json.loads(printed("own", "--seconds", "1", "--write", "--json"))
    profile = read_profile(path)
    chosen = {"dtype": profile.dtype, "batch": profile.batch_size, "shard": profile.shard_samples}
    assert {**written["proposed"], **chosen} == written["proposed"]
    assert written["written"]
    assert f"batch = {profile.batch_size}  # as I like it\n" in path.read_text()


@pytest.mark.slow
def test_profile_of_the_installation(folder: Path) -> None:
    """It is measured, and the last line says how to keep what is proposed."""
    lines = printed("oracle-linear", "--seconds", "1").splitlines()
    assert any("float32, samples/s" in line for line in lines)
    # Which of the two is faster for an oracle is a matter of this moment.
    assert any(re.match(r"proposed: dtype (float32|bfloat16), batch \d+, ", line) for line in lines)
    assert "robustify profiles show oracle-linear > " in lines[-1]


def test_writing_a_profile_of_the_installation(folder: Path) -> None:
    """It is refused before anything is measured, and the message says how to copy it."""
    with pytest.raises(InvalidInputError, match=r"oracle-linear comes with the installation: copy it with .*my-oracle"):
        tune_command("oracle-linear", 60, write=True)


def test_profile_behind_an_address(folder: Path) -> None:
    """Nobody is asked thousands of times for a measurement."""
    with pytest.raises(InvalidInputError, match="would be asked thousands of times"):
        tune_command("mini-remote")


def test_lines_for_people() -> None:
    """What was found, what is proposed, what it was; and how to go on."""
    assert lines_of(TUNED) == [
        "bfloat16 is 1.90 times as fast as float32; 99.5% of 200 votes are the same",
        "proposed: dtype bfloat16, batch 20, shard 140: 95.5 samples a second on cpu",
        "before: dtype float32, batch 10, shard 20",
        "to write it: ...",
    ]


def test_lines_when_something_is_in_the_way() -> None:
    """Too few votes, samples without finite logits, and settings that go before the file are said."""
    lost = MeasuredFormat(dtype="bfloat16", speeds=(), end=End.FLAT, without_vote=3)
    changes = {"compared": 50, "measured": (lost,), "overridden": ("ROBUSTIFY_DTYPE",), "written": True, "hint": None}
    lines = lines_of(TUNED.model_copy(update=changes))
    assert lines[0] == "bfloat16: 3 samples have no finite logits"
    assert lines[1].endswith("of 50 votes are the same; 200 are needed: give more --seconds")
    assert lines[2].startswith("written: ")
    assert lines[4:] == [
        "ROBUSTIFY_DTYPE is set, and goes before what the file says",
        "dtype and batch are part of the fingerprint: start the API and all workers again",
    ]
