"""`robustify evaluate`: certify (or predict) every image of a data set, one JSON row an image; summarise the rows."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from adapters.canonical_json import text_digest
from adapters.contract.looks import CertificateLooks, certificate_looks
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from robustify.evaluation.metrics import (
    ImageOutcome,
    abstention_rate,
    average_certified_radius,
    certified_accuracies,
    clean_accuracy,
    distinct_answers,
    silence_rate,
)
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.label_sets import LabelSets, label_sets_rule
from robustify.smoothing.rules import CertifyRule
from robustify.types import SmoothingParameters, Task
from workers.evaluation.data.dataset import DataReport
from workers.evaluation.label_sets import NamedLabelSet, RowOfSet
from workers.evaluation.procedure import Procedure

Smoothing = Literal["denoised", "no-denoiser", "no-smoothing"]
"""Denoised smoothing; smoothing of the bare classifier (CLIP-Smooth); the bare classifier on the clean image."""
UNREADABLE = "unreadable"
"""The outcome of an image whose file cannot be used."""


class Row(BaseModel):
    """What became of one image; a row has the fields that its smoothing knows."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    index: int
    label: int
    """The class that is right."""
    answer: int | None
    radius: float | None
    seconds: float
    run: str
    """Digest of the settings."""
    file: str | None = None
    """Its path in the data set; none in rows of earlier releases."""
    sha256: str | None = None
    """Of the file's bytes."""
    problem: str | None = None
    """Why the file cannot be used; then there is no answer, and the row is not among the figures."""
    p_lower: float | None = None
    p_value: float | None = None
    selection_votes: tuple[int, ...] | None = None
    votes: tuple[int, ...] | None = None
    outcome: str | None = None
    samples: int | None = None
    fingerprint: str | None = None
    """Of the server's function."""
    sets: tuple[RowOfSet, ...] | None = None
    """Of several label sets, what became of it in each; then it has no answer and no radius of its own."""
    votes_for_each_sample: str | None = None
    """Of a recording (`benchmarks/studies/recording.py`): a digit for each sample."""

    @property
    def image_outcome(self) -> ImageOutcome:
        """What the figures count."""
        return ImageOutcome(self.label, self.answer, self.radius)

    @property
    def line(self) -> str:
        """As it stands in the file."""
        return self.model_dump_json(exclude_unset=True) + "\n"


class UnreadableFile(BaseModel):
    """A file of the data set that cannot be used."""

    file: str
    problem: str


class Summary(BaseModel):
    """A run in numbers; `images`, and all figures, are of those that could be read. `samples` and `seconds` are those
    of all rows together. `data` says what of the data set was taken.
    """

    images: int
    clean_accuracy: float
    certified_accuracy: Mapping[str, float]
    acr: float
    abstained: float
    distinct_answers: int
    samples: int
    seconds: float
    unreadable: tuple[UnreadableFile, ...] = ()
    data: DataReport | None = None


RowSource = Callable[[list[int]], Iterable[Row]]
"""From the indices of images to their rows."""


@dataclass(frozen=True)
class Evaluation:
    """Everything that decides a run's rows."""

    settings: Settings
    task: Task
    smoothing: Smoothing
    parameters: SmoothingParameters
    dataset_digest: str
    server: str | None = None
    procedure: Procedure = Procedure()
    asked_profile: str | None = None
    """What a server is asked for by name; without it, it takes its first."""
    label_sets: tuple[NamedLabelSet, ...] = ()
    """Several, which share alpha, and whose labels are those of the task; empty where there is one."""

    @property
    def rule(self) -> CertifyRule:
        """Of CERTIFY, with looks as a server has them."""
        procedure, planned = self.procedure, self.planned
        aims = (procedure.target_radius, procedure.tolerance)
        return certify_rule(self.parameters, procedure.bound, *aims, planned.looks, planned.selection_looks)

    @property
    def rule_of_sets(self) -> LabelSets:
        """Likewise, of several label sets."""
        bound = self.procedure.bound
        return label_sets_rule(self.parameters, self.task.sizes, bound, self.planned.selection_looks)

    @property
    def planned(self) -> CertificateLooks:
        return certificate_looks(self.procedure.bound, served_profile(self.settings), self.settings)

    @cached_property
    def digest(self) -> str:
        """Rows of one file carry one digest: a run is never continued with other settings."""
        profile, settings = served_profile(self.settings), self.settings
        parts: dict[str, object] = {
            "engine": engine_digest(profile, settings),
            "dataset": self.dataset_digest,
            "server": self.server,
            "labels": self.task.labels,
            "template": self.task.template,
            "adaptation": self.task.adaptation,
            # As it was called in the first rows, which are resumed.
            "method": self.smoothing,
            "parameters": asdict(self.parameters),
        }
        if self.asked_profile:
            parts["asked_profile"] = self.asked_profile
        if self.task.templates:
            parts["templates"] = self.task.templates
        if self.label_sets:
            parts["label_sets"] = [asdict(one) for one in self.label_sets]
        if self.procedure != Procedure():
            parts["procedure"] = {**asdict(self.procedure), "shard_samples": profile.samples_per_shard(settings)}
        return text_digest(json.dumps(parts, sort_keys=True))[:16]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the summary needs of a row; the votes of 50,000 rows of 1,000 classes would fill the memory."""

    outcome: ImageOutcome
    samples: int | None
    seconds: float
    fingerprint: str | None
    unreadable: UnreadableFile | None
    in_sets: tuple[ImageOutcome, ...] = ()
    """Of several label sets."""


def evaluate(
    evaluation: Evaluation,
    images: int,
    rows_file: Path,
    new_rows: RowSource,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Append a row for each of the first images that `rows_file` does not have yet, then summarise them all."""
    return summary(evaluation, all_rows(evaluation, images, rows_file, new_rows, on_progress))


def all_rows(
    evaluation: Evaluation,
    images: int,
    rows_file: Path,
    new_rows: RowSource,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Kept]:
    """What the summary needs of the rows of all images, of which those that `rows_file` does not have are appended."""
    return rows_of_images(evaluation, range(images), rows_file, new_rows, on_progress)


def rows_of_images(
    evaluation: Evaluation,
    indices: Sequence[int],
    rows_file: Path,
    new_rows: RowSource,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Kept]:
    """The same of some images, in their order."""
    rows = {row.index: kept(row) for row in read_rows(rows_file, evaluation.digest)}
    missing = [index for index in indices if index not in rows]
    rows_file.parent.mkdir(parents=True, exist_ok=True)
    with rows_file.open("a", encoding="utf-8") as file:
        for row in new_rows(missing) if missing else ():
            file.write(row.line)
            file.flush()
            rows[row.index] = kept(row)
            on_progress(len(rows), len(indices))
    return [rows[index] for index in indices]


def kept(row: Row) -> Kept:
    is_read = row.outcome != UNREADABLE
    unreadable = None if is_read else UnreadableFile(file=row.file or str(row.index), problem=row.problem or "")
    in_sets = tuple(found.image_outcome for found in row.sets or ())
    return Kept(row.image_outcome, row.samples, row.seconds, row.fingerprint, unreadable, in_sets)


def read_rows(path: Path, digest: str) -> Iterator[Row]:
    """The rows of an earlier run with the same settings; a last line that was cut off is dropped from the file."""
    if not path.exists():
        return
    drop_cut_line(path)
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            yield read_row(line, f"line {number} of {path}", path, digest)


def drop_cut_line(path: Path) -> None:
    """In one step, so that whoever is killed in it loses no row."""
    whole = 0
    with path.open("rb") as file:
        for line in file:
            whole += len(line) if line.endswith(b"\n") else 0
    if whole < path.stat().st_size:
        os.truncate(path, whole)


def read_row(line: str, where: str, path: Path, digest: str) -> Row:
    """Raises InvalidInputError for a line of another run, or of no run at all."""
    try:
        document = json.loads(line)
        if not isinstance(document, dict) or document.get("run") != digest:
            raise InvalidInputError(f"{path} holds a run with other settings: name another --output", field="output")
        return Row.model_validate(document)
    except ValueError as error:
        raise InvalidInputError(f"{where} is no row: name another --output", "output") from error


def summary(evaluation: Evaluation, rows: Sequence[Kept]) -> Summary:
    """The run in numbers; refuses rows of several functions.

    A classifier that is not smoothed certifies nothing and never abstains.
    """
    read = [row for row in rows if row.unreadable is None]
    if len({row.fingerprint for row in read}) > 1:
        raise InvalidInputError("the server changed its models during the run: name another --output", field="output")
    outcomes = [row.outcome for row in read]
    parameters, smoothed = evaluation.parameters, evaluation.smoothing != "no-smoothing"
    certifies = smoothed and evaluation.procedure.test is None
    samples = parameters.n0 + parameters.n if smoothed else 1
    return Summary(
        images=len(read),
        clean_accuracy=clean_accuracy(outcomes),
        certified_accuracy=certified_accuracies(outcomes, parameters) if certifies else {},
        acr=average_certified_radius(outcomes),
        abstained=abstention_rate(outcomes) if certifies else silence_rate(outcomes),
        distinct_answers=distinct_answers(outcomes),
        samples=sum(samples if row.samples is None else row.samples for row in read),
        seconds=round(sum(row.seconds for row in read), 1),
        unreadable=tuple(row.unreadable for row in rows if row.unreadable is not None),
    )
