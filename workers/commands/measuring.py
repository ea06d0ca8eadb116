"""`robustify evaluate`: many answers, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from adapters.contract.predict import PredictParameters
from adapters.preparation import asked_task
from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.places import places_of
from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE, Noise, PredictTest, SmoothingParameters, Task
from workers.commands.app import (
    AsJson,
    BoundName,
    NoiseName,
    ProfileName,
    ServerUrl,
    TargetRadius,
    Tolerance,
    app,
    progress_bar,
    say,
    settings_with,
    show,
)
from workers.commands.attacked import check_attack, show_attacked
from workers.commands.in_parts import (
    MERGED,
    WHOLE_ROWS,
    RowOptions,
    check_parts,
    launch_parts,
    print_part,
    unfinished_parts,
)
from workers.commands.in_sets import NO_SETS, SetOptions, check_alone, in_label_sets, print_sets_summary
from workers.commands.of_data import AS_IT_IS, AskedData, DataOptions, DatasetFolder
from workers.commands.option_groups import with_groups
from workers.commands.presentation import print_cascade, print_evaluation, report_lines
from workers.evaluation.asked import evaluation_of, report_of, task_for
from workers.evaluation.cascades import RowsOfSigma, cascade_summary, evaluations_of
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.data.images import relabelled
from workers.evaluation.data.names import Known
from workers.evaluation.data.paper_sets import PaperSet, Prompts, paper_set
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.label_sets import NamedLabelSet
from workers.evaluation.parts.merging import merge_parts
from workers.evaluation.parts.part import Part, part_of
from workers.evaluation.parts.untimed import untimed
from workers.evaluation.parts.writing import write_part
from workers.evaluation.procedure import Procedure, procedure_of
from workers.evaluation.runs import Evaluation, RowSource, Smoothing, Summary, all_rows

PREDICTION_SAMPLES, CERTIFICATE_SAMPLES, USUAL_SIGMA = 100, 1000, 0.25
"""Of `evaluate`, by default."""
SOME_UNREADABLE = 3
"""Exit code of a run that is done, but for files that could not be used."""

KnownSigma = Annotated[float, typer.Option(help="Standard deviation of the noise.", min=0.05, max=1.0)]
Sigmas = Annotated[
    list[float] | None,
    typer.Option(
        "--sigma",
        help="Standard deviation of the noise, by default .25. Repeat it for a cascade: of each image the largest "
        "radius, with alpha for all of them together.",
        min=0.05,
        max=1.0,
    ),
]
RowSamples = Annotated[int | None, typer.Option("--n", help="Samples; 1000, or 100 with --test.", min=1)]
KnownSelectionSamples = Annotated[int, typer.Option("--n0", help="Selection samples.", min=1)]
RowAlpha = Annotated[float, typer.Option(help="Accepted probability of a wrong row.", min=1e-12, max=0.05)]
PredictInstead = Annotated[PredictTest | None, typer.Option("--test", help="Predict instead of certifying.")]
Limit = Annotated[int | None, typer.Option(help="Only so many images, at even distances over all classes.", min=1)]
NoDenoiser = Annotated[bool, typer.Option("--no-denoiser", help="Smooth the bare classifier (CLIP-Smooth).")]
NoSmoothing = Annotated[bool, typer.Option("--no-smoothing", help="The bare classifier on the clean image.")]
Correction = Annotated[float | None, typer.Option("--k", help="Correction factor of Eq. 8.", min=0.0, max=10.0)]
OneThreadProcesses = Annotated[int, typer.Option(help="Processes of one thread each.", min=1)]
RowsFile = Annotated[
    Path | None, typer.Option("--output", help="JSONL file of the rows, or folder of parts; resumed if it exists.")
]
AttackBeside = Annotated[
    Path | None, typer.Option("--attack", help="Folder of `robustify attack`, whose images are answered beside.")
]


@app.command()
@with_groups
def evaluate(
    dataset: DatasetFolder,
    of_data: DataOptions = AS_IT_IS,
    sigma: Sigmas = None,
    n: RowSamples = None,
    n0: KnownSelectionSamples = 100,
    alpha: RowAlpha = 0.001,
    noise: NoiseName = None,
    target_radius: TargetRadius = None,
    tolerance: Tolerance = None,
    bound: BoundName = None,
    test: PredictInstead = None,
    limit: Limit = None,
    no_denoiser: NoDenoiser = False,
    no_smoothing: NoSmoothing = False,
    k: Correction = None,
    workers: OneThreadProcesses = 1,
    rows: RowsFile = None,
    attack: AttackBeside = None,
    profile: ProfileName = None,
    server: ServerUrl = None,
    as_json: AsJson = False,
    parts: RowOptions = WHOLE_ROWS,
    sets: SetOptions = NO_SETS,
) -> None:
    """Certify every image of a data set; one JSON row an image, resumed where it stopped.

    Exit code 3: some files could not be used; 1: --attack contradicts a certificate.
    """
    smoothing = smoothing_of(no_denoiser, no_smoothing, (target_radius, tolerance, bound, test))
    sigmas = tuple(sorted(set(sigma or [USUAL_SIGMA])))
    asked = SmoothingParameters(sigmas[0], n0, n or (PREDICTION_SAMPLES if test else CERTIFICATE_SAMPLES), alpha)
    procedure = procedure_of(asked, bound, target_radius, tolerance, test, noise or Noise.GAUSSIAN)
    where = (rows, attack, profile, server, as_json, parts, sets.found)
    measure(AskedData(dataset, limit, of_data), AskedRun(smoothing, asked, sigmas, procedure, k, workers, *where))


@dataclass(frozen=True)
class AskedRun:
    """What it says of the run."""

    smoothing: Smoothing
    parameters: SmoothingParameters
    sigmas: tuple[float, ...]
    procedure: Procedure
    k: float | None
    workers: int
    rows: Path | None
    attack: Path | None
    profile: str | None
    server: str | None
    as_json: bool
    parts: RowOptions
    label_sets: tuple[NamedLabelSet, ...]


def measure(data: AskedData, run: AskedRun, threads: int | None = None) -> None:
    """Says what of the data is taken, evaluates it, and shows what came out."""
    check_server(run.server, run.k, data.options)
    check_attack(run.attack, run.server, run.procedure.test, run.smoothing)
    check_alone(run.label_sets, run.attack, run.sigmas, data.options.labels or data.options.task)
    check_parts(run.parts, run.attack, run.sigmas)
    check_cascade(run)
    settings = settings_with(profile=run.profile, k=run.k, threads=1 if run.workers > 1 else threads)
    check_sent(run.server, served_profile(settings))
    images, task = read_data(data, settings)
    report = report_of(images, task)
    for line in report_lines(report):
        say(line)
    evaluation = evaluation_of(settings, task, run.smoothing, run.parameters, images, run.server, run.procedure)
    evaluation = replace(evaluation, asked_profile=run.profile if run.server else None)
    if run.label_sets:
        evaluation = in_label_sets(evaluation, run.label_sets, len(images.class_names))
    if len(run.sigmas) > 1:
        return measure_cascade(data, run, evaluation, images)
    place = Path("evaluations") / f"{data.name}-{evaluation.digest}"
    if run.parts.part:
        return measure_part(run, evaluation, images, run.rows or place)
    rows_file = gathered(data, run, evaluation, images, place)
    if run.label_sets:
        return measure_sets(evaluation, images, run, rows_file)
    summary = evaluated(evaluation, images, run, rows_file).model_copy(update={"data": report})
    if run.attack:
        show_attacked(evaluation, summary, images, rows_file, run.attack, run.as_json)
    else:
        show(summary, run.as_json, print_evaluation)
    if summary.unreadable:
        raise typer.Exit(SOME_UNREADABLE)


def measure_sets(evaluation: Evaluation, images: Dataset, run: AskedRun, rows_file: Path) -> None:
    """The figures of each label set, of rows that have all of them."""
    from workers.evaluation.sets_runs import evaluate_sets

    with progress_bar("images") as advance:
        found = evaluate_sets(evaluation, len(images), rows_file, new_rows(evaluation, images, run), advance)
    show(found, run.as_json, print_sets_summary)
    if any(one.unreadable for one in found.sets.values()):
        raise typer.Exit(SOME_UNREADABLE)


def measure_part(run: AskedRun, evaluation: Evaluation, images: Dataset, folder: Path) -> None:
    """Its rows, in a file of its own; the figures are told when all parts are merged, and so is what is unreadable."""
    part = part_of(run.parts.part or "")
    with progress_bar("images of this part") as advance:
        source = new_rows(evaluation, images, run)
        found = write_part(evaluation, part, len(images), folder, source, advance, say)
    show(found, run.as_json, print_part)


def gathered(data: AskedData, run: AskedRun, evaluation: Evaluation, images: Dataset, place: Path) -> Path:
    """The file of the rows, which has those of all parts by then, where there are parts."""
    if run.parts.launch:
        folder = run.rows or place
        unfinished = unfinished_parts(run.parts, len(images), folder)
        launch_parts(MeasuredPart(data, run, folder), run.parts, unfinished, folder)
        rows_file = folder / MERGED
        merge_parts([folder], evaluation.digest, len(images), rows_file)
        return rows_file
    rows_file = run.rows or Path(f"{place}.jsonl")
    if run.parts.merge:
        merge_parts(run.parts.merge, evaluation.digest, len(images), rows_file)
    return rows_file


@dataclass(frozen=True)
class MeasuredPart:
    """What a job does with its part: what `--part` does, with all that the command line said."""

    data: AskedData
    run: AskedRun
    folder: Path

    def __call__(self, part: Part, threads: int | None) -> None:
        parts = RowOptions(part=str(part), untimed=self.run.parts.untimed)
        measure(self.data, replace(self.run, rows=self.folder, parts=parts), threads)


def check_cascade(run: AskedRun) -> None:
    """Raises InvalidInputError for what a cascade does not have: one file of rows, or one radius to aim at."""
    if len(run.sigmas) == 1:
        return
    if run.smoothing == "no-smoothing" or run.procedure.test is not None:
        raise InvalidInputError("a cascade certifies: give one --sigma with --no-smoothing or --test", field="sigma")
    if run.attack or run.rows:
        raise InvalidInputError("a cascade has a file of rows for each sigma: no --attack or --output", field="sigma")


def measure_cascade(data: AskedData, run: AskedRun, evaluation: Evaluation, images: Dataset) -> None:
    """A run for each sigma, each resumed by itself, and what all of them together say."""
    from workers.evaluation.rows import row_source

    found = []
    for one in evaluations_of(evaluation, run.sigmas, served_profile(evaluation.settings).side):
        with progress_bar(f"images at sigma {one.parameters.sigma:g}") as advance:
            source, path = row_source(one, images, run.workers, say), f"{data.name}-{one.digest}.jsonl"
            rows = all_rows(one, len(images), Path("evaluations") / path, source, advance)
        found.append(RowsOfSigma(one, rows))
    summary = cascade_summary(found, evaluation.parameters.alpha)
    show(summary, run.as_json, print_cascade)
    if summary.cascade.unreadable:
        raise typer.Exit(SOME_UNREADABLE)


def read_data(data: AskedData, settings: Settings) -> tuple[Dataset, Task]:
    """The images, of which none is read yet, and what is asked about them."""
    chosen_set = set_of(data.options.set_name, data.options.prompts, data.options.template, data.options.task)
    served = served_profile(settings)
    known = Known(served.class_names, data.options.class_map)
    images = read_dataset(
        data.dataset, data.options.split, served.side, data.limit, served.preprocessing, known, chosen_set
    )
    of_set = list(chosen_set.templates(data.options.prompts or Prompts.USUAL)) if chosen_set else None
    return asked_images(images, data.options.task, data.options.labels, data.options.template or of_set, settings)


def set_of(
    name: str | None, prompts: Prompts | None, template: Sequence[str] | None, task: str | None
) -> PaperSet | None:
    """Raises InvalidInputError for a set that there is not, and for templates from two places."""
    if prompts and (template or task or not name):
        raise InvalidInputError(
            "--prompts chooses among the templates of --set: give the one, and no --template or --task", field="prompts"
        )
    return paper_set(name) if name else None


def check_server(server: str | None, k: float | None, options: DataOptions) -> None:
    """Raises InvalidInputError for what a server decides itself, and for a task with labels beside it."""
    if server and k is not None:
        raise InvalidInputError("--k is the server's own: leave it out with --server", field="server")
    if options.task and (options.labels or options.template or server):
        raise InvalidInputError(
            "--task has its labels and its template, and is read here: no --labels, --template or --server", "task"
        )


def check_sent(server: str | None, profile: Profile) -> None:
    """Raises InvalidInputError where the server would make another tensor of what it is sent, the canonical picture."""
    mode = profile.preprocessing.mode
    if server and not mode.keeps_squares:
        raise InvalidInputError(f"with preprocessing {mode} a server would cut pictures twice: leave it out", "server")


def asked_images(
    images: Dataset, task: str | None, labels: list[str] | None, template: list[str] | None, settings: Settings
) -> tuple[Dataset, Task]:
    """The data set with the classes that are asked about, and these as a task."""
    if task:
        label_task = stored_task(task, settings)
        return relabelled(images, label_task.labels), label_task
    return images, task_for(images.class_names, labels, template or [DEFAULT_TEMPLATE])


def evaluated(evaluation: Evaluation, images: Dataset, run: AskedRun, rows_file: Path) -> Summary:
    """The summary of all rows, those of an earlier run included."""
    from workers.evaluation.runs import evaluate as run_evaluation

    with progress_bar("images") as advance:
        return run_evaluation(evaluation, len(images), rows_file, new_rows(evaluation, images, run), advance)


def new_rows(evaluation: Evaluation, images: Dataset, run: AskedRun) -> RowSource:
    """Where rows that are not there yet come from."""
    from workers.evaluation.rows import row_source

    source = row_source(evaluation, images, run.workers, say)
    return untimed(source) if run.parts.untimed else source


def smoothing_of(no_denoiser: bool, no_smoothing: bool, asked_of_samples: Sequence[object]) -> Smoothing:
    """Raises InvalidInputError for what excludes each other."""
    if no_denoiser and no_smoothing:
        raise InvalidInputError("--no-denoiser and --no-smoothing exclude each other", field="no-denoiser")
    if no_smoothing and any(value is not None for value in asked_of_samples):
        raise InvalidInputError("--no-smoothing takes no samples, whatever is asked of them", field="no-smoothing")
    return "no-smoothing" if no_smoothing else "no-denoiser" if no_denoiser else "denoised"


def stored_task(name: str, settings: Settings) -> Task:
    """A version of a task of the state folder."""
    return asked_task(PredictParameters(task=name), served_profile(settings), places_of(settings).tasks_of()).task
