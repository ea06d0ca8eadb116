"""`robustify evaluate`: many answers, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import PydanticCustomError

from adapters.contract.labels import check_labels, check_templates
from adapters.contract.predict import PredictParameters
from adapters.preparation import asked_task
from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from robustify.errors import InvalidInputError
from robustify.smoothing.lattice import slack_of
from robustify.types import DEFAULT_TEMPLATE, Noise, PredictTest, SmoothingParameters, Task
from workers.commands.app import (
    AsJson,
    BoundName,
    Labels,
    NoiseName,
    ProfileName,
    ServerUrl,
    TargetRadius,
    TaskName,
    Template,
    Tolerance,
    app,
    progress_bar,
    say,
    settings_with,
    show,
)
from workers.commands.attacked import check_attack, show_attacked
from workers.commands.presentation import print_cascade, print_evaluation, report_lines
from workers.evaluation.cascades import RowsOfSigma, cascade_summary, evaluations_of
from workers.evaluation.data.dataset import DataReport, Dataset
from workers.evaluation.data.images import named_classes, relabelled
from workers.evaluation.data.names import Known
from workers.evaluation.data.paper_sets import PaperSet, Prompts, paper_set
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.procedure import Procedure, procedure_of
from workers.evaluation.runs import Evaluation, Method, Summary, all_rows

PREDICTION_SAMPLES, CERTIFICATE_SAMPLES, USUAL_SIGMA = 100, 1000, 0.25
"""Of `evaluate`, by default."""
SOME_UNREADABLE = 3
"""Exit code of a run that is done, but for files that could not be used."""

DatasetFolder = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="Folder with a folder for each class, with labels.csv, parquet files or tar shards, or of sheets.",
    ),
]
SetName = Annotated[
    str | None, typer.Option("--set", help="One of the paper's sets, as it is published: ImageNet, STL10, Food101, ...")
]
ClassMap = Annotated[
    Path | None, typer.Option("--class-map", help="File that says which label each class folder has: JSON, or lines.")
]
PromptsOfSet = Annotated[
    Prompts | None, typer.Option("--prompts", help="With --set: the usual template, the paper's, or CLIP's ensemble.")
]
Split = Annotated[str | None, typer.Option(help="Split of the data set.")]
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
RowsFile = Annotated[Path | None, typer.Option("--output", help="JSONL file of the rows; resumed if it exists.")]
AttackBeside = Annotated[
    Path | None, typer.Option("--attack", help="Folder of `robustify attack`, whose images are answered beside.")
]


@app.command()
def evaluate(
    dataset: DatasetFolder,
    split: Split = None,
    set_name: SetName = None,
    class_map: ClassMap = None,
    prompts: PromptsOfSet = None,
    labels: Labels = None,
    task: TaskName = None,
    template: Template = None,
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
) -> None:
    """Certify every image of a data set; one JSON row an image, resumed where it stopped.

    Exit code 3: done, but some files could not be used; 1 where --attack contradicts a certificate.
    """
    method = method_of(no_denoiser, no_smoothing, (target_radius, tolerance, bound, test))
    samples = n or (PREDICTION_SAMPLES if test else CERTIFICATE_SAMPLES)
    sigmas = tuple(sorted(set(sigma or [USUAL_SIGMA])))
    asked = SmoothingParameters(sigmas[0], n0, samples, alpha)
    procedure = procedure_of(asked, bound, target_radius, tolerance, test, noise or Noise.GAUSSIAN)
    data = AskedData(dataset, split, limit, set_name, class_map, prompts, labels, task, template)
    measure(data, AskedRun(method, asked, sigmas, procedure, k, workers, rows, attack, profile, server, as_json))


@dataclass(frozen=True)
class AskedData:
    """What the command line says of images and labels."""

    dataset: Path
    split: str | None
    limit: int | None
    set_name: str | None
    class_map: Path | None
    prompts: Prompts | None
    labels: list[str] | None
    task: str | None
    template: list[str] | None

    @property
    def name(self) -> str:
        """For a file of rows."""
        return f"{self.dataset.name}-{self.split or 'all'}"


@dataclass(frozen=True)
class AskedRun:
    """What it says of the run."""

    method: Method
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


def measure(data: AskedData, run: AskedRun) -> None:
    """Says what of the data is taken, evaluates it, and shows what came out."""
    check_server(run.server, run.k, data.task, data.labels, data.template)
    check_attack(run.attack, run.server, run.procedure.test, run.method)
    check_cascade(run)
    settings = settings_with(profile=run.profile, k=run.k, threads=1 if run.workers > 1 else None)
    check_sent(run.server, served_profile(settings))
    images, task = read_data(data, settings)
    report = report_of(images, task)
    for line in report_lines(report):
        say(line)
    evaluation = evaluation_of(settings, task, run.method, run.parameters, images, run.server, run.procedure)
    evaluation = replace(evaluation, asked_profile=run.profile if run.server else None)
    if len(run.sigmas) > 1:
        return measure_cascade(data, run, evaluation, images)
    rows_file = run.rows or Path("evaluations") / f"{data.name}-{evaluation.digest}.jsonl"
    summary = evaluated(evaluation, images, run.workers, rows_file).model_copy(update={"data": report})
    if run.attack:
        show_attacked(evaluation, summary, images, rows_file, run.attack, run.as_json)
    else:
        show(summary, run.as_json, print_evaluation)
    if summary.unreadable:
        raise typer.Exit(SOME_UNREADABLE)


def check_cascade(run: AskedRun) -> None:
    """Raises InvalidInputError for what a cascade does not have: one file of rows, or one radius to aim at."""
    if len(run.sigmas) == 1:
        return
    if run.method == "no-smoothing" or run.procedure.test is not None:
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
    chosen_set = set_of(data.set_name, data.prompts, data.template, data.task)
    served = served_profile(settings)
    known = Known(served.class_names, data.class_map)
    images = read_dataset(data.dataset, data.split, served.side, data.limit, served.preprocessing, known, chosen_set)
    of_set = list(chosen_set.templates(data.prompts or Prompts.USUAL)) if chosen_set else None
    return asked_images(images, data.task, data.labels, data.template or of_set, settings)


def set_of(
    name: str | None, prompts: Prompts | None, template: Sequence[str] | None, task: str | None
) -> PaperSet | None:
    """Raises InvalidInputError for a set that there is not, and for templates from two places."""
    if prompts and (template or task or not name):
        raise InvalidInputError(
            "--prompts chooses among the templates of --set: give the one, and no --template or --task", field="prompts"
        )
    return paper_set(name) if name else None


def report_of(images: Dataset, task: Task) -> DataReport:
    """What was taken, with the label of each class where that is not its name."""
    return replace(images.report, classes=named_classes(images, task.labels))


def check_server(
    server: str | None,
    k: float | None,
    task: str | None,
    labels: Sequence[str] | None,
    template: Sequence[str] | None,
) -> None:
    """Raises InvalidInputError for what a server decides itself, and for a task with labels beside it."""
    if server and k is not None:
        raise InvalidInputError("--k is the server's own: leave it out with --server", field="server")
    if task and (labels or template or server):
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


def evaluation_of(
    settings: Settings,
    task: Task,
    method: Method,
    asked: SmoothingParameters,
    images: Dataset,
    server: str | None,
    procedure: Procedure,
) -> Evaluation:
    """Everything that decides the rows, the slack of the noise included."""
    side = served_profile(settings).side
    slack = slack_of(procedure.noise, asked.sigma, side, side)
    parameters = SmoothingParameters(asked.sigma, asked.n0, asked.n, asked.alpha, slack)
    return Evaluation(settings, task, method, parameters, images.digest, server, procedure)


def evaluated(evaluation: Evaluation, images: Dataset, workers: int, rows_file: Path) -> Summary:
    """The summary of all rows, those of an earlier run included."""
    from workers.evaluation.rows import row_source
    from workers.evaluation.runs import evaluate as run_evaluation

    with progress_bar("images") as advance:
        source = row_source(evaluation, images, workers, say)
        return run_evaluation(evaluation, len(images), rows_file, source, advance)


def method_of(no_denoiser: bool, no_smoothing: bool, asked_of_samples: Sequence[object]) -> Method:
    """Raises InvalidInputError for what excludes each other."""
    if no_denoiser and no_smoothing:
        raise InvalidInputError("--no-denoiser and --no-smoothing exclude each other", field="no-denoiser")
    if no_smoothing and any(value is not None for value in asked_of_samples):
        raise InvalidInputError("--no-smoothing takes no samples, whatever is asked of them", field="no-smoothing")
    return "no-smoothing" if no_smoothing else "no-denoiser" if no_denoiser else "denoised"


def task_for(class_names: tuple[str, ...], labels: list[str] | None, templates: list[str]) -> Task:
    """The data set's own names, or other names for its classes in the same order."""
    if labels and len(labels) != len(class_names):
        raise InvalidInputError(
            f"the data set has {len(class_names)} classes: give {len(class_names)} labels, or none", field="labels"
        )
    try:
        return Task.of(check_labels(labels or list(class_names)), check_templates(templates))
    except PydanticCustomError as error:
        raise InvalidInputError(str(error), field="labels") from error


def stored_task(name: str, settings: Settings) -> Task:
    """A version of a task of the state folder."""
    return asked_task(PredictParameters(task=name), served_profile(settings), TaskStore(settings.state.tasks)).task
