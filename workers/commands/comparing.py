"""`robustify compare` and `robustify report`: methods beside one another on the same images, and what is said of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.durable_files import write_whole
from robustify.errors import InvalidInputError
from workers.commands.app import AsJson, ServerUrl, app, progress_bar, say, settings_with, show
from workers.commands.comparison_presentation import print_comparison, print_cost, words_of_cost
from workers.commands.in_parts import NO_PARTS, PartOptions, check_parts, launch_parts
from workers.commands.measuring import SOME_UNREADABLE
from workers.commands.option_groups import with_groups
from workers.evaluation.parts.part import Part, all_parts, part_of
from workers.evaluation.parts.writing import only_one

if TYPE_CHECKING:
    # These load torch, and every command imports this file.
    from workers.evaluation.comparison.preparing import Preparation
    from workers.evaluation.reports.summary import ReportSummary

LOCK = ".part"
"""In the folder of a part: whoever has it locked computes it."""
ALARMED = 1
"""Exit code of a comparison in which an attack contradicts a certificate."""

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file of methods, sets, noise and attacks.")]
ComparisonFolder = Annotated[
    Path | None, typer.Option("--output", help="Folder of rows, images and report; resumed if it exists.")
]
CompareWorkers = Annotated[
    int | None, typer.Option("--workers", help="Processes of one thread each; by default the file's.", min=1)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it will cost, and nothing else.")]
ReportFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of `robustify compare`.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="Write the tables to this file too.")]


@app.command()
@with_groups
def compare(
    config: ConfigFile,
    output: ComparisonFolder = None,
    workers: CompareWorkers = None,
    server: ServerUrl = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    parts: PartOptions = NO_PARTS,
) -> None:
    """Certify and attack the same images by several methods, resumed where it stopped, and write one report.

    --server certifies by a running server what it can answer: denoised smoothing without adaptation. Exit code 1 where
    an attack contradicts a certificate; 3 where a method is missing, or files could not be used.
    """
    from workers.evaluation.comparison.costs import cost_of_comparison

    check_parts(parts)
    asked = ComparedHere(config, output, workers, server)
    if parts.part and not dry_run:
        return asked(part_of(parts.part), None)
    preparation = asked.preparation()
    cost = cost_of_comparison(preparation, asked.folder)
    if dry_run:
        return show(cost, as_json, print_cost)
    for line in words_of_cost(cost):
        say(line)
    gather(asked, preparation, parts)
    show_report(run_comparison(preparation, asked.folder), asked.folder, as_json)


@dataclass(frozen=True)
class ComparedHere:
    """What the command line says of a comparison; called, it computes a part of it, as a job does."""

    config: Path
    output: Path | None
    workers: int | None
    server: str | None

    def preparation(self, threads: int | None = None) -> "Preparation":
        """Of all cells, of which none is prepared yet."""
        from workers.evaluation.comparison.config_file import read_config
        from workers.evaluation.comparison.preparing import Preparation

        file = read_config(self.config)
        return Preparation(file, settings_with(threads=threads), self.server, self.workers or file.config.workers)

    @property
    def folder(self) -> Path:
        return self.output or Path("evaluations") / f"compare-{self.preparation().file.config.name}"

    def __call__(self, part: Part, threads: int | None) -> None:
        from workers.evaluation.comparison.running import Run, Told

        folder = part.folder_in(self.folder)
        with only_one(folder / LOCK, lambda: say(f"another process computes part {part}: waiting for it")):
            found = Run(self.preparation(threads), folder, Told(say, progress_bar), part).run()
        say(f"part {part} is done, with {len(found.gaps)} gaps, and is in {folder}")


def gather(asked: ComparedHere, preparation: "Preparation", parts: PartOptions) -> None:
    """Puts the parts into the folder of the comparison, where it is done in parts, after they are computed."""
    from workers.evaluation.comparison.costs import cost_of_comparison
    from workers.evaluation.comparison.merging import merge_comparisons
    from workers.evaluation.comparison.running import Run, Told

    if parts.launch and parts.parts:
        # Adaptations are made once, and not by each part.
        Run(preparation, asked.folder, Told(say, progress_bar)).prepared()
        launch_parts(asked, parts, all_parts(parts.parts), asked.folder)
    folders = parts.merge or ([asked.folder] if parts.launch else [])
    if not folders:
        return
    merge_comparisons(folders, preparation.file.sha256, asked.folder)
    if any(cell.missing for cell in cost_of_comparison(preparation, asked.folder).cells):
        raise InvalidInputError(
            "the parts were run with other settings, models, adaptations or data than there are here: merge them where "
            "those are the same",
            field="merge",
        )


def run_comparison(preparation: "Preparation", folder: Path) -> "ReportSummary":
    """All cells, then the report of the folder."""
    from workers.evaluation.comparison.running import Run, Told
    from workers.evaluation.reports.write import write_report

    Run(preparation, folder, Told(say, progress_bar)).run()
    return write_report(folder)


@app.command()
def report(folder: ReportFolder, markdown: MarkdownFile = None, as_json: AsJson = False) -> None:
    """Write the report of a comparison again, from its rows alone; what is not finished is told as missing."""
    from workers.evaluation.reports.write import MARKDOWN, write_report

    summary = write_report(folder)
    if markdown is not None:
        write_whole(markdown, (folder / MARKDOWN).read_bytes())
    show_report(summary, folder, as_json)


def show_report(summary: "ReportSummary", folder: Path, as_json: bool) -> None:
    """The main tables, and how it ended."""
    say(f"the report is {folder / 'index.html'}")
    show(summary, as_json, print_comparison)
    if summary.has_alarms:
        raise typer.Exit(ALARMED)
    if summary.gaps or summary.unreadable:
        raise typer.Exit(SOME_UNREADABLE)
