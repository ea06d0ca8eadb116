"""From what is asked of a data set to everything that decides its rows: the task of its labels, and the evaluation."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic_core import PydanticCustomError

from adapters.contract.labels import check_labels, check_templates
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.smoothing.lattice import slack_of
from robustify.types import SmoothingParameters, Task
from workers.evaluation.data.dataset import DataReport, Dataset
from workers.evaluation.data.images import named_classes
from workers.evaluation.procedure import Procedure
from workers.evaluation.runs import Evaluation, Smoothing


def task_for(class_names: Sequence[str], labels: Sequence[str] | None, templates: Sequence[str]) -> Task:
    """The data set's own names, or other names for its classes in the same order. Raises InvalidInputError."""
    if labels and len(labels) != len(class_names):
        raise InvalidInputError(
            f"the data set has {len(class_names)} classes: give {len(class_names)} labels, or none", field="labels"
        )
    try:
        return Task.of(check_labels(list(labels or class_names)), check_templates(list(templates)))
    except PydanticCustomError as error:
        raise InvalidInputError(str(error), field="labels") from error


def report_of(images: Dataset, task: Task) -> DataReport:
    """What was taken, with the label of each class where that is not its name."""
    return replace(images.report, classes=named_classes(images, task.labels))


def evaluation_of(
    settings: Settings,
    task: Task,
    smoothing: Smoothing,
    asked: SmoothingParameters,
    images: Dataset,
    server: str | None,
    procedure: Procedure,
) -> Evaluation:
    """Everything that decides the rows, the slack of the noise included."""
    side = served_profile(settings).side
    slack = slack_of(procedure.noise, asked.sigma, side, side)
    parameters = SmoothingParameters(asked.sigma, asked.n0, asked.n, asked.alpha, slack)
    return Evaluation(settings, task, smoothing, parameters, images.digest, server, procedure)
