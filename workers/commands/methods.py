"""`robustify methods`: what can be compared, which of it is ready, and what makes the rest."""

from typing import Annotated

import typer
from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Column, Table

from adapters.settings import Settings
from workers.commands.app import AsJson, app, settings_with, show
from workers.evaluation.methods.catalogue import methods
from workers.evaluation.methods.method import NamedMethod
from workers.evaluation.methods.readiness import lacking, profiles_of

SIGMAS = (0.25, 0.5)
"""The miniature's."""

Noise = Annotated[
    list[float] | None,
    typer.Option("--sigma", help="Noise that a method must be ready for; repeat it. By default 0.25 and 0.5."),
]


class ListedMethod(BaseModel):
    """A method, and whether it can be run."""

    name: str
    title: str
    paper: str = Field(description="Which row of the paper it stands for.")
    profiles: tuple[str, ...] = Field(description="One, or one for each sigma.")
    smoothing: str
    adapted: bool
    ready: bool
    lacking: tuple[str, ...] = Field(description="What is in the way, a sentence for each profile.")
    recipe: str | None = Field(description="The commands that make its weights; null where they are bundled.")
    cost: str | None
    expected: str | None


class ListedMethods(BaseModel):
    methods: tuple[ListedMethod, ...]


@app.command("methods")
def methods_command(sigma: Noise = None, as_json: AsJson = False) -> None:
    """List what can be compared: which row of the paper it is, and whether it is ready or what makes it."""
    settings, sigmas = settings_with(), tuple(sigma or SIGMAS)
    listed_methods = tuple(listed(method, sigmas, settings) for method in methods().values())
    show(ListedMethods(methods=listed_methods), as_json, print_methods)


def listed(method: NamedMethod, sigmas: tuple[float, ...], settings: Settings) -> ListedMethod:
    problems = tuple(lacking(method, sigmas, settings))
    return ListedMethod(
        **method.model_dump(exclude={"profile"}),
        profiles=tuple(profiles_of(method, sigmas)),
        ready=not problems,
        lacking=problems,
    )


def print_methods(console: Console, found: ListedMethods) -> None:
    table = Table(Column("method", no_wrap=True), "what it is", "in the paper", "profile", "ready")
    for method in found.methods:
        ready = "yes" if method.ready else "no"
        table.add_row(method.name, method.title, method.paper, "\n".join(method.profiles), ready)
    console.print(table)
    for method in found.methods:
        for line in advice(method):
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def advice(method: ListedMethod) -> tuple[str, ...]:
    """What makes a method that is not ready; else what is wrong."""
    if method.ready:
        return ()
    if method.recipe is None:
        return tuple(f"{method.name}: {problem}" for problem in method.lacking)
    cost = "" if method.cost is None else f"  ({method.cost})"
    return (f"{method.name}: {method.recipe}{cost}",)
