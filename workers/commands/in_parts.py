"""`--part`, `--merge` and `--launch`: what of an evaluation in parts belongs to the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from robustify.errors import InvalidInputError
from workers.commands.app import progress_bar, say
from workers.evaluation.parts.launching import LAUNCH_FOLDER, Cluster, launch
from workers.evaluation.parts.merging import whole_lines
from workers.evaluation.parts.part import MOST_PARTS, Part, all_parts, part_of
from workers.evaluation.parts.writing import PartSummary

MERGED = "rows.jsonl"
"""In the folder of parts that were launched: the rows of all of them."""

PartWithThreads = Callable[[Part, int | None], None]
"""Computes a part, with so many threads where that is said."""


@dataclass(frozen=True)
class PartOptions:
    """The options of a command that can be done in parts."""

    part: Annotated[
        str | None,
        typer.Option("--part", metavar="I/N", help="Every N-th image alone, from the I-th on; --output is a folder."),
    ] = None
    merge: Annotated[
        list[Path] | None,
        typer.Option("--merge", metavar="FOLDER", help="Put the parts in these folders together; repeat it."),
    ] = None
    launch: Annotated[
        Cluster | None,
        typer.Option("--launch", help="Run all --parts as jobs and merge them; needs submitit. --output is a folder."),
    ] = None
    parts: Annotated[int | None, typer.Option("--parts", help="With --launch.", min=1, max=MOST_PARTS)] = None
    launch_option: Annotated[
        list[str] | None,
        typer.Option(
            "--launch-option",
            metavar="NAME=VALUE",
            help="With --launch, of submitit: timeout_min=600, gpus_per_node=1, slurm_partition=NAME. Repeat it.",
        ),
    ] = None

    @property
    def is_whole(self) -> bool:
        """Whether everything is done here, at once."""
        return not (self.part or self.merge or self.launch)


@dataclass(frozen=True)
class RowOptions(PartOptions):
    """And one for the rows of an evaluation."""

    untimed: Annotated[
        bool, typer.Option("--untimed", help="Rows without their seconds: the same run has the same bytes everywhere.")
    ] = False


NO_PARTS, WHOLE_ROWS = PartOptions(), RowOptions()


def check_parts(options: PartOptions, attack: Path | None = None, sigmas: Sequence[float] = ()) -> None:
    """Raises InvalidInputError for what excludes each other, or is missing."""
    if sum(map(bool, (options.part, options.merge, options.launch))) > 1:
        raise InvalidInputError("--part, --merge and --launch exclude each other", field="part")
    if options.part:
        part_of(options.part)
    if bool(options.launch) != bool(options.parts) or (options.launch_option and not options.launch):
        raise InvalidInputError("--launch needs --parts, and these, with --launch-option, are for it alone", "launch")
    if attack and (options.part or options.launch):
        raise InvalidInputError("--attack looks at all rows: give it when the parts are merged", field="attack")
    if len(sigmas) > 1 and not options.is_whole:
        raise InvalidInputError(
            "a cascade is not done in parts: run each --sigma in parts, at --alpha divided by their number, merge each "
            "without --output, and the cascade finds their rows",
            field="sigma",
        )


def launch_parts(run: PartWithThreads, options: PartOptions, unfinished: Sequence[Part], folder: Path) -> None:
    """Runs them and waits for all of them."""
    if options.launch is None or not unfinished:
        return
    say(f"{len(unfinished)} of {options.parts} parts are launched; their logs are in {folder / LAUNCH_FOLDER}")
    # Here several share the cores of one machine.
    job = partial(run_part, run, 1 if options.launch is Cluster.LOCAL else None)
    with progress_bar("parts") as advance:
        launch(job, unfinished, options.launch, folder, options.launch_option or (), advance)


def unfinished_parts(options: PartOptions, images: int, folder: Path) -> list[Part]:
    """Of an evaluation: those whose files lack rows."""
    return [part for part in all_parts(options.parts or 1) if not is_finished(part, images, folder)]


def run_part(run: PartWithThreads, threads: int | None, part: Part) -> None:
    """In the process of a job."""
    run(part, threads)


def is_finished(part: Part, images: int, folder: Path) -> bool:
    path = part.file_in(folder)
    return path.exists() and whole_lines(path) >= len(part.indices(images))


def print_part(console: Console, found: PartSummary) -> None:
    unreadable = f", {found.unreadable} unreadable" if found.unreadable else ""
    console.print(f"part {found.part}: {found.images} images{unreadable}; rows in {found.file}", soft_wrap=True)
