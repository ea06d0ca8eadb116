"""`robustify store`: copies what is stored, between folders and object stores."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from adapters.settings import checked_store
from adapters.store.copying import Copied, CopiedObject, copied
from adapters.store.folder import Folder
from adapters.store.objects import Objects
from adapters.store.places import remote_objects
from robustify.errors import InvalidInputError
from workers.commands.app import AsJson, app, progress_bar, show

store_app = typer.Typer(help="What is stored: images, outcomes, tasks, adaptations, the ledger.", no_args_is_help=True)
app.add_typer(store_app, name="store")

MOST_NAMED = 20
Source = Annotated[str, typer.Argument(metavar="FROM", help="A state folder, or a bucket, such as s3://bucket/prefix.")]
Target = Annotated[str, typer.Argument(metavar="TO", help="Likewise; a folder is made where there is none.")]
Replace = Annotated[bool, typer.Option("--replace", help="Also what stands there otherwise, such as other versions.")]


class CopyReport(BaseModel):
    """What became of so many things, and the bytes of those that were copied; `left_out` names those that were not."""

    objects: dict[Copied, int]
    bytes: int
    left_out: tuple[str, ...]


@store_app.command("copy")
def copy_command(source: Source, target: Target, replace: Replace = False, as_json: AsJson = False) -> None:
    """Copy all that is stored, and compare what comes back. Run it again to go on where it stopped.

    No service and no worker may run on TO meanwhile. The keys are no part of it: take them along yourself.
    """
    origin, destination = place_named(source, "from"), place_named(target, "to")
    if isinstance(origin, Folder) and not origin.root.is_dir():
        raise InvalidInputError(f"there is no folder {source}", field="from")
    with progress_bar("things") as advance:
        report = report_of(copied(origin, destination, replace), lambda done: advance(done, done))
    show(report, as_json, print_report)
    if report.left_out:
        raise typer.Exit(1)


def place_named(text: str, field: str) -> Objects:
    """A folder, or what is stored at an address."""
    if "://" not in text:
        return Folder(Path(text).absolute())
    try:
        return remote_objects(checked_store(text))
    except ValueError as error:
        raise InvalidInputError(f"{text} is no store: {error}", field=field) from error


def report_of(found: Iterable[CopiedObject], advance: Callable[[int], None]) -> CopyReport:
    numbers, size, left_out = Counter[Copied](), 0, list[str]()
    for done, thing in enumerate(found, 1):
        numbers[thing.what] += 1
        size += thing.size if thing.what is Copied.COPIED else 0
        if thing.what in (Copied.OTHER, Copied.DAMAGED):
            left_out.append(thing.name)
        advance(done)
    return CopyReport(objects=dict(numbers), bytes=size, left_out=tuple(left_out))


def print_report(console: Console, report: CopyReport) -> None:
    for what, number in report.objects.items():
        console.print(Text(f"{number} {what}"))
    for name in report.left_out[:MOST_NAMED]:
        console.print(Text(f"left out: {name}"))
    console.print(Text(f"{report.bytes} bytes copied"))
