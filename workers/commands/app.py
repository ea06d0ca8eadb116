"""What all commands share: the application, the options that several take, and how results and progress are shown."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.types import Noise, PredictTest
from workers.server_client import Progress as OnProgress

app = typer.Typer(
    name="robustify",
    help="Certified image classification with labels you name.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
output = Console()
messages = Console(stderr=True)

MEGABYTE = 10**6
D = TypeVar("D", bound=BaseModel)

ImageFile = Annotated[Path, typer.Argument(metavar="IMAGE", help="A JPEG, PNG or WebP file.")]
Labels = Annotated[list[str] | None, typer.Option("--labels", help="A class name; repeat it for each class.")]
LabelSets = Annotated[
    list[str] | None,
    typer.Option(
        "--label-set",
        help='Instead of --labels: a whole label set, as in "cat,dog"; repeat it for each set of one certificate.',
    ),
]
Template = Annotated[
    list[str] | None,
    typer.Option("--template", help="Prompt of a class; {} stands for the label. Repeat it for an ensemble."),
]
TaskName = Annotated[str | None, typer.Option("--task", help="A stored task instead of labels: NAME or NAME@VERSION.")]
Sigma = Annotated[float | None, typer.Option(help="Standard deviation of the noise for pixels in [0, 1].")]
Sigmas = Annotated[
    list[float] | None,
    typer.Option(
        "--sigma",
        help="Standard deviation of the noise for pixels in [0, 1]; repeat it, and the sigma with the largest radius "
        "answers.",
    ),
]
Samples = Annotated[int | None, typer.Option("--n", help="Samples.")]
SelectionSamples = Annotated[int | None, typer.Option("--n0", help="Selection samples.")]
Alpha = Annotated[float | None, typer.Option(help="Accepted probability of a wrong answer.")]
TargetRadius = Annotated[float | None, typer.Option(help="L2 radius that is wanted; stops once it is decided.")]
Tolerance = Annotated[float | None, typer.Option(help="Stops when more samples could gain no more radius than this.")]
BoundName = Annotated[str | None, typer.Option("--bound", help="auto, clopper-pearson or multiclass.")]
NoiseName = Annotated[Noise | None, typer.Option("--noise", help="Lattice noise is exact in floating point.")]
TestName = Annotated[PredictTest | None, typer.Option("--test", help="Stop when the answer is clear, or take all n.")]
ServerUrl = Annotated[str | None, typer.Option("--server", metavar="URL", help="Ask a running server instead.")]
ProfileName = Annotated[str | None, typer.Option("--profile", help="Models to use; see `robustify models`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def say(text: str) -> None:
    """A line for people on standard error, beside whatever is printed."""
    messages.print(text, highlight=False, markup=False, soft_wrap=True)


def say_error(error: Exception) -> None:
    messages.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)


def given(**fields: object) -> dict[str, object]:
    """The fields that were given on the command line."""
    return {name: value for name, value in fields.items() if value is not None}


def settings_with(**overrides: Any) -> Settings:
    """The environment's settings, with what the command line says instead. Any: each setting has a type of its own,
    which pydantic checks."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInputError(f"setting {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def require_queue(settings: Settings) -> None:
    if settings.redis_url is None:
        raise InvalidInputError("set ROBUSTIFY_REDIS_URL, or run everything on this machine with `robustify up`")


def show(document: D, as_json: bool, print_for_people: Callable[[Console, D], None]) -> None:
    """One JSON document, or what people read."""
    if as_json:
        typer.echo(json.dumps(document.model_dump(mode="json"), allow_nan=False))
    else:
        print_for_people(output, document)


@contextmanager
def progress_bar(unit: str) -> Iterator[OnProgress]:
    """A bar on standard error while the work lasts; yields `advance(done, total)`."""
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as progress:
        bar = progress.add_task(unit, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def megabytes(advance: OnProgress) -> OnProgress:
    """Bytes as a bar of megabytes."""
    return lambda done, total: advance(done // MEGABYTE, -(-total // MEGABYTE))
