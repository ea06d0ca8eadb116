"""`robustify prune`: removes from the state folder, and from the queue server, what nobody needs any more."""

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.queue.board import JobBoard
from adapters.settings import Settings
from workers.commands.app import AsJson, app, settings_with, show
from workers.pruning import Surplus, What, earlier_keys, nothing_running, reachable_board, surplus

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and touch nothing.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Nothing runs on this state folder: do without the queue server.")
]


class PrunedItem(BaseModel):
    """Something that was removed, or would be; `name` is its path in the state folder, or its key."""

    what: What
    name: str
    bytes: int


class Pruned(BaseModel):
    """All of it, and its bytes together."""

    dry_run: bool
    items: tuple[PrunedItem, ...]
    bytes: int


@app.command()
def prune(dry_run: DryRun = False, offline: Offline = False, as_json: AsJson = False) -> None:
    """Remove what nobody needs any more: adaptations of no task, old images and outcomes, what crashes left behind."""
    settings = settings_with()
    board = None if offline else reachable_board(settings)
    with nothing_running(settings) if offline else nullcontext():
        items = tuple(pruned(settings, board, dry_run))
    show(Pruned(dry_run=dry_run, items=items, bytes=sum(item.bytes for item in items)), as_json, print_pruned)


def pruned(settings: Settings, board: JobBoard | None, dry_run: bool) -> Iterator[PrunedItem]:
    """Removes one after the other, and tells of each that is gone."""
    for thing in surplus(settings, board):
        if dry_run or thing.remove():
            yield described(thing)
    if board is not None:
        yield from map(described, earlier_keys(board, dry_run))


def described(thing: Surplus) -> PrunedItem:
    return PrunedItem(what=thing.what, name=thing.name, bytes=thing.size)


def print_pruned(console: Console, found: Pruned) -> None:
    """What of each kind, and all of it together."""
    number, size = Counter[What](), Counter[What]()
    for item in found.items:
        number[item.what] += 1
        size[item.what] += item.bytes
    table = Table("what", "number", "bytes", box=None, pad_edge=False)
    for what in (what for what in What if number[what]):
        table.add_row(what, str(number[what]), str(size[what]))
    if found.items:
        console.print(table)
    word = "would be removed" if found.dry_run else "removed"
    console.print(Text(f"{len(found.items)} things of {found.bytes} bytes {word}"))
