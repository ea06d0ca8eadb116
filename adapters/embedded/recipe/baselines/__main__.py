"""The baselines that a comparison needs: installs those that come with the repository, or trains them anew.

    python -m adapters.embedded.recipe.baselines install
    python -m adapters.embedded.recipe.baselines all DATA --output STATE
    python -m adapters.embedded.recipe.baselines all DATA --output STATE --only mini-tecoa --only mini-carlini
    python -m adapters.embedded.recipe.baselines export mini-tecoa --work STATE/baselines --output STATE
    python -m adapters.embedded.recipe.baselines keep tecoa --work STATE/baselines

DATA is a folder as `../shared/data`. STATE is a state folder, `~/.local/state/robustify` unless it was moved: it gets a
profile and a folder of models for each baseline, which then are served as any others.
Cost: `install` takes seconds; to train all is 4.7 hours of one core. `all` trains the cheapest first and, run again,
goes on where it was; `keep` writes what a training made into this package.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from adapters.embedded.recipe.baselines.builds import BASELINES, TRAININGS
from adapters.embedded.recipe.baselines.export import BUNDLED_PART, Baseline, export, is_exported
from adapters.embedded.recipe.baselines.kept import keep, kept_weights, trained_weights
from adapters.settings import Settings, StateFolder
from robustify.errors import ModelFilesError

WORK = "baselines"
BY_NAME = {baseline.profile: baseline for baseline in BASELINES}
app = typer.Typer(help="Installs or trains the baselines that a comparison needs.")

Output = Annotated[Path, typer.Option(help="State folder, into which profiles and models go.")]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="A baseline; repeat it for others.")]


@app.command("install")
def install(
    output: Annotated[Path | None, typer.Option(help="State folder; by default that of the settings.")] = None,
    only: Only = None,
) -> None:
    """Write each baseline that is missing, out of the weights that come with the repository."""
    state = StateFolder(output) if output else Settings().state
    for baseline in chosen(only):
        if is_exported(baseline, state):
            typer.echo(f"{baseline.profile} is there")
            continue
        try:
            export(baseline, kept_weights, state)
        except ModelFilesError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error
        typer.echo(f"{baseline.profile} is written")


@app.command("all")
def build_all(
    data: Path,
    output: Output,
    work: Annotated[
        Path | None, typer.Option(help="Folder of the checkpoints; by default in the state folder.")
    ] = None,
    only: Only = None,
) -> None:
    """Train and export each baseline that is missing."""
    state, checkpoints = StateFolder(output), work or output / WORK
    for baseline in chosen(only):
        if is_exported(baseline, state):
            typer.echo(f"{baseline.profile} is there")
            continue
        train_parts(baseline, data, checkpoints)
        export(baseline, trained_weights(checkpoints), state)
        typer.echo(f"{baseline.profile} is written")


@app.command("export")
def export_one(
    name: Annotated[str, typer.Argument(help="One of the baselines.")],
    work: Annotated[Path, typer.Option(help="Folder of the checkpoints.")],
    output: Output,
) -> None:
    """Write one baseline from checkpoints as they are, however far they are."""
    (baseline,) = chosen([name])
    export(baseline, trained_weights(work), StateFolder(output))


@app.command("keep")
def keep_one(
    training: Annotated[str, typer.Argument(help="One of the trainings.")],
    work: Annotated[Path, typer.Option(help="Folder of the checkpoints.")],
) -> None:
    """Write what a training made into this package, in half precision."""
    if training not in TRAININGS:
        raise typer.BadParameter(f"{training}: choose among {', '.join(TRAININGS)}")
    typer.echo(f"{keep(training, work)} is written")


def chosen(only: Sequence[str] | None) -> Sequence[Baseline]:
    """In the order of the list, whatever the order of the names."""
    if unknown := set(only or ()) - BY_NAME.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose among {', '.join(BY_NAME)}")
    return [baseline for baseline in BASELINES if not only or baseline.profile in only]


def train_parts(baseline: Baseline, data: Path, checkpoints: Path) -> None:
    for source in baseline.parts.values():
        if source != BUNDLED_PART:
            typer.echo(f"{baseline.profile}: training {source}")
            TRAININGS[source](data, checkpoints)


if __name__ == "__main__":
    app()
