"""`robustify advise`: what protection costs and gains on a handful of pictures, and what to ask for."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.types import DEFAULT_TEMPLATE, SmoothingParameters, Task
from workers.commands.app import (
    AsJson,
    ProfileName,
    app,
    progress_bar,
    say,
    settings_with,
    show,
)
from workers.commands.measuring import (
    SOME_UNREADABLE,
    USUAL_SIGMA,
    RowAlpha,
    check_server,
    read_data,
    stored_task,
)
from workers.commands.of_data import AS_IT_IS, AskedData, DataOptions, DatasetFolder
from workers.commands.option_groups import with_groups
from workers.commands.presentation import report_lines
from workers.evaluation.advice.candidates import candidates, most_samples
from workers.evaluation.advice.document import Advice
from workers.evaluation.advice.html import html_page
from workers.evaluation.advice.page import markdown_page
from workers.evaluation.advice.unlabelled import is_unlabelled, unlabelled_pictures
from workers.evaluation.asked import evaluation_of, report_of, task_for
from workers.evaluation.data.dataset import DataReport, Dataset
from workers.evaluation.procedure import Procedure

ROWS_SELECTION, ROWS_SAMPLES = 100, 1000
"""Of `robustify evaluate --no-smoothing`, which takes none: rows are named by them all the same."""
PAGES = {".html": html_page, ".md": markdown_page}

Handful = Annotated[int, typer.Option("--images", help="Pictures to judge by, at even distances over all.", min=1)]
TriedSigmas = Annotated[
    list[float] | None,
    typer.Option(
        "--sigma",
        help="A noise to try; by default .12, .25, .5 and 1, as far as the denoiser goes. Repeat it.",
        min=0.05,
        max=1.0,
    ),
]
WantedRadius = Annotated[float | None, typer.Option("--target-radius", help="L2 radius that is wanted.", min=1e-6)]
Patience = Annotated[
    float | None, typer.Option("--seconds-per-picture", help="The longest that a certificate may take.", min=1e-3)
]
MostLost = Annotated[
    float,
    typer.Option("--lose-at-most", help="Share of the pictures that protection may lose.", min=0.0, max=1.0),
]
MeasuredSamples = Annotated[int, typer.Option("--n", help="Estimation samples of each picture and sigma.", min=20)]
MeasuredSelection = Annotated[int, typer.Option("--n0", help="Selection samples, likewise.", min=1)]
PageFile = Annotated[Path | None, typer.Option("--output", help="File of the page: .html or .md.")]


@app.command()
@with_groups
def advise(
    dataset: DatasetFolder,
    of_data: DataOptions = AS_IT_IS,
    images: Handful = 24,
    sigma: TriedSigmas = None,
    target_radius: WantedRadius = None,
    seconds_per_picture: Patience = None,
    lose_at_most: MostLost = 0.1,
    n: MeasuredSamples = 100,
    n0: MeasuredSelection = 25,
    alpha: RowAlpha = 0.001,
    output: PageFile = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Say on a handful of your own pictures what protection costs and gains, and what to ask for.

    A folder of pictures without labels will do, with --labels: then answers are compared with those without protection.
    """
    check_page(output)
    check_server(None, None, of_data)
    settings = settings_with(profile=profile)
    data = AskedData(dataset, images, of_data)
    certifying = SmoothingParameters(USUAL_SIGMA, n0, n, alpha)
    sigmas = candidates(served_profile(settings), sigma)
    asked = AskedAdvice(certifying, sigmas, target_radius, seconds_per_picture, lose_at_most, profile)
    advice = advised(data, asked, settings)
    if output is not None:
        output.write_text(PAGES[output.suffix.lower()](advice), encoding="utf-8")
        say(f"the page is in {output}")
    show(advice, as_json, print_advice)
    if advice.unreadable:
        raise typer.Exit(SOME_UNREADABLE)


@dataclass(frozen=True)
class AskedAdvice:
    """What the command line says of the protection."""

    certifying: SmoothingParameters
    sigmas: tuple[float, ...]
    target_radius: float | None
    seconds_per_picture: float | None
    most_lost: float
    profile: str | None


@dataclass(frozen=True)
class Pictures:
    """What is looked at, and what is asked about it."""

    images: Dataset
    task: Task
    report: DataReport
    labelled: bool


def advised(data: AskedData, asked: AskedAdvice, settings: Settings) -> Advice:
    """Says what it will cost, measures what is missing, and judges it."""
    import torch

    from workers.evaluation.advice.advice import Circumstances, advice_of
    from workers.evaluation.advice.runs import PREDICT_SAMPLES, Measurement, measured

    found = read_pictures(data, settings)
    for line in report_lines(found.report):
        say(line)
    certifying = asked.certifying
    samples = most_samples(len(found.images), len(asked.sigmas), PREDICT_SAMPLES, certifying.n0 + certifying.n)
    say(f"at most {samples:,} samples in all; some seconds for a thousand with the bundled models on two cores")
    rows_of_evaluate = SmoothingParameters(USUAL_SIGMA, ROWS_SELECTION, ROWS_SAMPLES, certifying.alpha)
    plain = evaluation_of(settings, found.task, "no-smoothing", rows_of_evaluate, found.images, None, Procedure())
    measurement = Measurement(plain, found.images, asked.sigmas, certifying, Path("evaluations"), data.name)
    with progress_bar("rows") as advance:
        rows = measured(measurement, advance)
    about = Circumstances(
        measurement,
        found.report,
        found.labelled,
        asked.target_radius,
        asked.seconds_per_picture,
        asked.most_lost,
        torch.get_num_threads(),
        data.options.task,
        asked.profile,
    )
    return advice_of(about, rows)


def read_pictures(data: AskedData, settings: Settings) -> Pictures:
    """Pictures with labels as `robustify evaluate` reads them, or a folder of pictures without."""
    folder = data.dataset / data.options.split if data.options.split else data.dataset
    if data.options.set_name is None and is_unlabelled(folder):
        return read_unlabelled(folder, data, settings)
    images, task = read_data(data, settings)
    return Pictures(images, task, report_of(images, task), labelled=True)


def read_unlabelled(folder: Path, data: AskedData, settings: Settings) -> Pictures:
    """Raises InvalidInputError where it is not said what the pictures may show."""
    served = served_profile(settings)
    if data.options.class_map is not None or data.options.prompts is not None:
        raise InvalidInputError("these pictures have no labels to map: leave --class-map and --prompts out", "dataset")
    task = asked_task_of(data, served.class_names, settings)
    images = unlabelled_pictures(folder, task.labels, served.side, data.limit, served.preprocessing)
    return Pictures(images, task, replace(images.report, notes=()), labelled=False)


def asked_task_of(data: AskedData, class_names: tuple[str, ...] | None, settings: Settings) -> Task:
    """The labels that pictures without labels are answered with."""
    if data.options.task is not None:
        return stored_task(data.options.task, settings)
    labels = data.options.labels or list(class_names or ())
    if not labels:
        raise InvalidInputError(
            "the pictures have no labels: name what they may show, --labels cat --labels dog, or put them into a "
            "folder for each class",
            field="labels",
        )
    return task_for(labels, None, data.options.template or [DEFAULT_TEMPLATE])


def check_page(output: Path | None) -> None:
    """Raises InvalidInputError at once for a page that could not be written in the end."""
    if output is None:
        return
    if output.suffix.lower() not in PAGES:
        raise InvalidInputError("--output is a page: name it PAGE.html or PAGE.md", field="output")
    if output.is_dir() or not os.access(output.absolute().parent, os.W_OK):
        raise InvalidInputError(f"{output} cannot be written: name a file in a folder that exists", field="output")


def print_advice(console: Console, advice: Advice) -> None:
    console.print(Markdown(markdown_page(advice)))
