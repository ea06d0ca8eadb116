"""The rows that an advice rests on: those of `robustify evaluate`, resumed like them, by models loaded once."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from robustify.pipeline import identity_denoiser
from robustify.types import PredictTest, SmoothingParameters
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.procedure import Procedure
from workers.evaluation.rows import Evaluator
from workers.evaluation.runs import UNREADABLE, Evaluation, Row, all_rows, read_rows

PREDICT_SAMPLES, PREDICT_SELECTION = 100, 100
"""Of `robustify evaluate --test sequential`, by default; PREDICT selects nothing, but rows are named by both."""
OnProgress = Callable[[int, int], None]
"""(done, total), in rows."""


@dataclass(frozen=True)
class SigmaRows:
    """The rows of one sigma, each in the order of the pictures."""

    sigma: float
    predicted: tuple[Row, ...]
    certified: tuple[Row, ...]


@dataclass(frozen=True)
class AdviceRows:
    """All of them. `plain`: the bare classifier on the clean pictures."""

    plain: tuple[Row, ...]
    protected: tuple[SigmaRows, ...]


@dataclass(frozen=True)
class Measurement:
    """What is measured on which pictures; `plain` says what is the same in all runs."""

    plain: Evaluation
    images: Dataset
    sigmas: tuple[float, ...]
    certifying: SmoothingParameters
    """n0, n and alpha of the certificates; each sigma is put in its place."""
    folder: Path
    name: str

    def predicting(self, sigma: float) -> Evaluation:
        """PREDICT that stops early, as the service answers."""
        parameters = SmoothingParameters(sigma, PREDICT_SELECTION, PREDICT_SAMPLES, self.certifying.alpha)
        procedure = Procedure(test=PredictTest.SEQUENTIAL)
        return replace(self.plain, smoothing="denoised", parameters=parameters, procedure=procedure)

    def certifies(self, sigma: float) -> Evaluation:
        """The paper's CERTIFY."""
        return replace(self.plain, smoothing="denoised", parameters=replace(self.certifying, sigma=sigma))


class SharedModels:
    """The models of this process, loaded when the first row is asked for, for one evaluation after the other."""

    def __init__(self) -> None:
        self.loaded: Evaluator | None = None

    def rows(self, evaluation: Evaluation, images: Dataset, indices: list[int]) -> Iterator[Row]:
        evaluator = self.evaluator(evaluation)
        return (evaluator.row(images.sample(index)) for index in indices)

    def evaluator(self, evaluation: Evaluation) -> Evaluator:
        """The same models, asked what this evaluation asks: with their denoiser, or without any."""
        if self.loaded is None:
            self.loaded = Evaluator(replace(evaluation, smoothing="denoised"))
        asked = copy(self.loaded)
        asked.evaluation = evaluation
        if evaluation.smoothing != "denoised":
            asked.models = replace(asked.models, denoiser_for=lambda task: identity_denoiser)
            asked.model = replace(asked.model, classifiers=asked.models)
        return asked


def measured(measurement: Measurement, on_progress: OnProgress) -> AdviceRows:
    """Runs all that is missing; rows that are there already are taken as they are, with their seconds."""
    models, sigmas = SharedModels(), measurement.sigmas
    asked = [measurement.plain, *map(measurement.predicting, sigmas), *map(measurement.certifies, sigmas)]
    pictures = len(measurement.images)
    found = []
    for number, evaluation in enumerate(asked):
        advance = partial(advance_by, on_progress, number * pictures, len(asked) * pictures)
        found.append(completed(measurement, evaluation, models, advance))
    predicted, certified = found[1 : 1 + len(sigmas)], found[1 + len(sigmas) :]
    return AdviceRows(found[0], tuple(map(SigmaRows, sigmas, predicted, certified)))


def advance_by(on_progress: OnProgress, before: int, total: int, done: int, of_run: int) -> None:
    on_progress(before + done, total)


def completed(
    measurement: Measurement, evaluation: Evaluation, models: SharedModels, advance: OnProgress
) -> tuple[Row, ...]:
    """The rows of all pictures in their order, in the file that `robustify evaluate` keeps them in."""
    path, images = measurement.folder / f"{measurement.name}-{evaluation.digest}.jsonl", measurement.images
    all_rows(evaluation, len(images), path, partial(models.rows, evaluation, images), advance)
    by_index = {row.index: row for row in read_rows(path, evaluation.digest)}
    return tuple(by_index[index] for index in range(len(images)))


def is_readable(row: Row) -> bool:
    """Whether its picture could be read."""
    return row.outcome != UNREADABLE
