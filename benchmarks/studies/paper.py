"""A table or a figure of the paper in miniature, by one command: what it takes stands in docs/results/paper.toml.

    python -m benchmarks.studies.paper --list
    python -m benchmarks.studies.paper table_10

The commands run one after the other from the root of the repository, as they stand there. Each goes on where it was, so
that this one does too. Cost: `--list` says it.
"""

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "results" / "paper.toml"
SOME_MISSING = 3
"""How `robustify compare` ends where weights are missing: the report says which, and its tables have the rest."""


class Made(BaseModel):
    """One table or figure."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    shows: str
    cost: str
    commands: list[str]


def all_made(file: Path = FILE) -> Sequence[Made]:
    """In the order of the file."""
    return [Made.model_validate(found) for found in tomllib.loads(file.read_text(encoding="utf-8"))["made"]]


def words_of(command: str) -> list[str]:
    """As they are started: by this Python and what is installed with it, whatever the shell would find."""
    first, *rest = shlex.split(command)
    if first == "python":
        return [sys.executable, *rest]
    if first == "robustify":
        return [str(Path(sys.executable).with_name("robustify")), *rest]
    raise ValueError(f"{first} is neither python nor robustify")


def overview(found: Sequence[Made]) -> str:
    """A table in Markdown: the rows of docs/results/README.md."""
    rows = [
        f"| {one.name} | {one.shows} | {one.cost} | `python -m benchmarks.studies.paper {one.name}` |" for one in found
    ]
    return "\n".join(["| | what it shows | cost | command |", "|---|---|---|---|", *rows])


def main(
    name: Annotated[str | None, typer.Argument(help="As in the list.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say what there is, and what it costs.")] = False,
) -> None:
    found = {one.name: one for one in all_made()}
    if listed or name is None:
        typer.echo(overview([*found.values()]))
        return
    if name not in found:
        raise typer.BadParameter(f"there is no {name}: {', '.join(found)}")
    for command in found[name].commands:
        typer.echo(command, err=True)
        code = subprocess.run(words_of(command), cwd=ROOT, check=False).returncode
        if code not in (0, SOME_MISSING):
            raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(main)
