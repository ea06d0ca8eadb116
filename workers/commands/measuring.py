"""`robustify evaluate`: many answers, summed up."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from workers.commands.presentation import print_evaluation
from workers.evaluation.datasets import Dataset, read_dataset, relabelled
from workers.evaluation.procedure import Procedure, procedure_of
from workers.evaluation.runs import Evaluation, Method, Summary

if TYPE_CHECKING:
    pass

PREDICTION_SAMPLES, CERTIFICATE_SAMPLES = 100, 1000
"""Of `evaluate`, by default."""

DatasetFolder = Annotated[Path, typer.Argument(help="Folder of sheets with labels.json, or one folder for each class.")]
Split = Annotated[str | None, typer.Option(help="Split of the data set.")]
KnownSigma = Annotated[float, typer.Option(help="Standard deviation of the noise.", min=0.05, max=1.0)]
RowSamples = Annotated[int | None, typer.Option("--n", help="Samples; 1000, or 100 with --test.", min=1)]
KnownSelectionSamples = Annotated[int, typer.Option("--n0", help="Selection samples.", min=1)]
RowAlpha = Annotated[float, typer.Option(help="Accepted probability of a wrong row.", min=1e-12, max=0.05)]
PredictInstead = Annotated[PredictTest | None, typer.Option("--test", help="Predict instead of certifying.")]
Limit = Annotated[int | None, typer.Option(help="Only so many images, of all classes.", min=1)]
NoDenoiser = Annotated[bool, typer.Option("--no-denoiser", help="Smooth the bare classifier (CLIP-Smooth).")]
NoSmoothing = Annotated[bool, typer.Option("--no-smoothing", help="The bare classifier on the clean image.")]
Correction = Annotated[float | None, typer.Option("--k", help="Correction factor of Eq. 8.", min=0.0, max=10.0)]
OneThreadProcesses = Annotated[int, typer.Option(help="Processes of one thread each.", min=1)]
RowsFile = Annotated[Path | None, typer.Option("--output", help="JSONL file of the rows; resumed if it exists.")]


@app.command()
def evaluate(
    dataset: DatasetFolder,
    split: Split = None,
    labels: Labels = None,
    task: TaskName = None,
    template: Template = None,
    sigma: KnownSigma = 0.25,
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
    profile: ProfileName = None,
    server: ServerUrl = None,
    as_json: AsJson = False,
) -> None:
    """Certify every image of a data set; one JSON row an image, resumed where it stopped."""
    method = method_of(no_denoiser, no_smoothing, (target_radius, tolerance, bound, test))
    samples = n or (PREDICTION_SAMPLES if test else CERTIFICATE_SAMPLES)
    asked = SmoothingParameters(sigma, n0, samples, alpha)
    procedure = procedure_of(asked, bound, target_radius, tolerance, test, noise or Noise.GAUSSIAN)
    check_server(server, k, profile, task, labels, template)
    settings = settings_with(profile=profile, k=k, threads=1 if workers > 1 else None)
    served = served_profile(settings)
    check_sent(server, served)
    images = read_dataset(dataset, split, served.side, limit, served.preprocessing)
    images, label_task = asked_images(images, task, labels, template, settings)
    evaluation = evaluation_of(settings, label_task, method, asked, images, server, procedure)
    name = f"{dataset.name}-{split or 'all'}-{evaluation.digest}.jsonl"
    show(evaluated(evaluation, images, workers, rows or Path("evaluations") / name), as_json, print_evaluation)


def check_server(
    server: str | None,
    k: float | None,
    profile: str | None,
    task: str | None,
    labels: Sequence[str] | None,
    template: Sequence[str] | None,
) -> None:
    """Raises InvalidInputError for what a server decides itself, and for a task with labels beside it."""
    if server and (k is not None or profile):
        raise InvalidInputError("--k and --profile are the server's own: leave them out with --server", field="server")
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
