"""What makes the paper's tables and figures is a list of commands that there are, each with its cost."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer
import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner

from benchmarks.studies.paper import all_made, main, overview, words_of
from workers.commands import cli
from workers.commands.app import app
from workers.evaluation.comparison.config_file import read_config

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "docs" / "results"
MADE = all_made()
INSTALL = "python -m adapters.embedded.recipe.baselines install"
COMMANDS = [command for one in MADE for command in one.commands if command != INSTALL]
OF_ROBUSTIFY = [command for command in COMMANDS if command.startswith("robustify ")]
OF_STUDIES = [command for command in COMMANDS if not command.startswith("robustify ")]

paper = typer.Typer()
paper.command()(main)


def test_every_table_and_figure_is_made() -> None:
    """Ten tables, and all figures of results but the drawing and the references, which adaptations keep."""
    tables, figures = [f"table_{number}" for number in range(1, 11)], [f"figure_{number}" for number in (1, 3, 4, 5, 7)]
    assert sorted(one.name for one in MADE) == sorted([*tables, *figures])
    assert all(one.cost and one.shows for one in MADE)


def test_readme_of_the_results() -> None:
    """It has the list as it is."""
    assert overview(MADE) in (RESULTS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", OF_ROBUSTIFY)
def test_command_of_the_paper(command: str) -> None:
    """It parses, and a comparison is one whose file can be read."""
    assert cli.COMMANDS  # All commands are in the application.
    found, words = typer.main.get_command(app), shlex.split(command)[1:]
    assert isinstance(found, TyperGroup)
    name = words.pop(0)
    parameters = found.commands[name].make_context(name, words).params
    if name == "compare":
        assert read_config(ROOT / parameters["config"]).config.methods or "table_2" in command


@pytest.mark.slow
@pytest.mark.parametrize("command", OF_STUDIES)
def test_study_of_the_paper(command: str) -> None:
    """Its module has these options."""
    words = shlex.split(command)
    assert words[:2] == ["python", "-m"]
    study = typer.Typer()
    study.command()(importlib.import_module(words[2]).main)
    typer.main.get_command(study).make_context("study", words[3:])


@pytest.mark.slow
def test_baselines_when_a_table_needs_them() -> None:
    """They are installed first, wherever a method has weights of its own, by a command that there is."""
    needing = {
        path.stem
        for path in (RESULTS / "configs").glob("*.toml")
        if any(method.recipe for method in read_config(path).config.all_methods) and path.stem != "table_2"
    }
    assert {one.name for one in MADE if INSTALL in one.commands} == needing
    baselines = typer.main.get_command(importlib.import_module("adapters.embedded.recipe.baselines.__main__").app)
    assert isinstance(baselines, TyperGroup)
    assert "install" in baselines.commands


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_writes(command: str) -> None:
    """What is kept is in docs/results, and what is resumed in evaluations."""
    written = re.findall(r"--(?:output|markdown) (\S+)", command)
    assert written
    assert all(path.startswith(("docs/results/", "evaluations/")) for path in written)


def test_words_of_a_command() -> None:
    """Whatever the shell would find: this Python, and what is installed with it."""
    assert [Path(words_of(command)[0]).name.partition("3")[0] for command in ("robustify x", "python -m y")] == [
        "robustify", "python"
    ]  # fmt: skip
    with pytest.raises(ValueError, match="neither"):
        words_of("rm -r x")


def test_list_and_a_name_that_is_not_there() -> None:
    """The list is what the results say, and a name that is none ends with the names that there are."""
    runner = CliRunner()
    assert runner.invoke(paper, ["--list"]).output.strip() == overview(MADE)
    wrong = runner.invoke(paper, ["table_11"])
    assert wrong.exit_code == 2
    assert "table_10" in wrong.output
