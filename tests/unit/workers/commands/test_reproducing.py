"""What docs/reproducing.md tells to type is a command with these options, of profiles that there are."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from adapters.images import ResizeMode
from adapters.profiles.library import shipped_profiles
from workers.commands import cli
from workers.commands.app import app

DOCUMENT = (Path(__file__).parents[4] / "docs" / "reproducing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("robustify ")]
NAMES = '"${names[@]/#/--labels=}"'
"""What the shell makes of an array of names: an option for each."""
MADE_BY_THE_READER = {"deepfloyd-96"}


def parsed(line: str) -> tuple[str | None, Mapping[str, Any]]:  # Any: each parameter has a type of its own.
    """A command's name and parameters; raises what the application would for an option or value it does not know."""
    assert cli.COMMANDS  # All commands are in the application.
    found, words = typer.main.get_command(app), shlex.split(line.replace(NAMES, "--labels=cat --labels=dog"))[1:]
    while isinstance(found, TyperGroup):
        name = words.pop(0)
        found = found.commands[name]
    return found.name, found.make_context(found.name, words).params


def test_every_table_has_a_command() -> None:
    """Each of the four tables has one evaluation, and no line is left that this test does not read."""
    sections = dict(re.findall(r"^## (Table \d)(.*?)(?=^## )", DOCUMENT, re.DOTALL | re.MULTILINE))
    assert list(sections) == ["Table 1", "Table 2", "Table 3", "Table 4"]
    assert [len(re.findall(r"^robustify evaluate ", text, re.MULTILINE)) for text in sections.values()] == [1] * 4


@pytest.mark.parametrize("line", COMMANDS)
def test_command(line: str) -> None:
    """It parses; an evaluation is the paper's CERTIFY, with the paper's pictures."""
    name, parameters = parsed(line)
    profile = parameters["profile"]
    assert profile in shipped_profiles() or profile in MADE_BY_THE_READER
    if name == "evaluate":
        asked = {name: parameters[name] for name in ("n0", "n", "alpha", "bound")}
        assert asked == {"n0": 100, "n": 10_000, "alpha": 0.001, "bound": "clopper-pearson"}
        assert parameters["sigma"] in ([0.25], [0.5])
        assert shipped_profiles()[profile].preprocessing.mode is ResizeMode.RESIZE_256_CROP_224


def test_line_that_is_no_command() -> None:
    """It is told, so that the test above means something."""
    for line, message in (("--sigma 2.5", "should be less than or equal to 1"), ("--certain", "No such option")):
        with pytest.raises(Exception, match=message):
            parsed(f"robustify evaluate data {line}")
