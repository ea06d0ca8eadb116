"""`robustify evaluate`: certify (or predict) every image of a data set, one JSON row an image; summarise the rows."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.shipped import served_profile
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
from robustify.smoothing.rules import CertifyRule, certify_rule
from robustify.types import Bound, SmoothingParameters, Task
from workers.evaluation.procedure import Procedure

Method = Literal["denoised", "no-denoiser", "no-smoothing"]
"""Denoised smoothing; smoothing of the bare classifier (CLIP-Smooth); the bare classifier on the clean image."""
RowSource = Callable[[list[int]], Iterable[dict[str, Any]]]
"""From the indices of images to their rows."""


@dataclass(frozen=True)
class Evaluation:
    """Everything that decides a run's rows."""

    settings: Settings
    task: Task
    method: Method
    parameters: SmoothingParameters
    dataset_digest: str
    server: str | None = None
    procedure: Procedure = Procedure()

    @property
    def rule(self) -> CertifyRule:
        """Of CERTIFY, with looks as a server has them."""
        procedure, shard = self.procedure, served_profile(self.settings).samples_per_shard(self.settings)
        step = min(shard, self.parameters.n) if procedure.bound is Bound.ANYTIME else None
        return certify_rule(self.parameters, procedure.bound, procedure.target_radius, procedure.tolerance, step)

    @property
    def digest(self) -> str:
        """Rows of one file carry one digest: a run is never continued with other settings."""
        profile, settings = served_profile(self.settings), self.settings
        parts = {
            "engine": engine_digest(profile, settings),
            "dataset": self.dataset_digest,
            "server": self.server,
            "labels": self.task.labels,
            "template": self.task.template,
            "adaptation": self.task.adaptation,
            "method": self.method,
            "parameters": asdict(self.parameters),
        }
        if self.procedure != Procedure():
            parts["procedure"] = {**asdict(self.procedure), "shard_samples": profile.samples_per_shard(settings)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def evaluate(
    evaluation: Evaluation,
    images: int,
    rows_file: Path,
    new_rows: RowSource,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Append a row for each of the first images that `rows_file` does not have yet, then summarise them all."""
    rows = {row["index"]: row for row in read_rows(rows_file, evaluation.digest)}
    missing = [index for index in range(images) if index not in rows]
    rows_file.parent.mkdir(parents=True, exist_ok=True)
    with rows_file.open("a", encoding="utf-8") as file:
        for row in new_rows(missing) if missing else ():
            file.write(json.dumps(row, allow_nan=False) + "\n")
            file.flush()
            rows[row["index"]] = row
            on_progress(len(rows), images)
    return summary(evaluation, [rows[index] for index in range(images)])


def read_rows(path: Path, digest: str) -> Iterator[dict[str, Any]]:
    """The rows of an earlier run with the same settings; a last line that was cut off is dropped from the file."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        path.write_text("".join(lines[:-1]), encoding="utf-8")
        lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidInputError(f"line {number} of {path} is no row: name another --output", "output") from error
        if not isinstance(row, dict) or row.get("run") != digest:
            raise InvalidInputError(f"{path} holds a run with other settings: name another --output", field="output")
        yield row


def summary(evaluation: Evaluation, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The run in numbers; refuses rows of several functions.

    A classifier that is not smoothed certifies nothing and never abstains.
    """
    if len({row.get("fingerprint") for row in rows}) > 1:
        raise InvalidInputError("the server changed its models during the run: name another --output", field="output")
    outcomes = [ImageOutcome(row["label"], row["answer"], row["radius"]) for row in rows]
    parameters, smoothed = evaluation.parameters, evaluation.method != "no-smoothing"
    certifies = smoothed and evaluation.procedure.test is None
    return {
        "images": len(rows),
        "clean_accuracy": clean_accuracy(outcomes),
        "certified_accuracy": certified_accuracies(outcomes, parameters) if certifies else {},
        "acr": average_certified_radius(outcomes),
        "abstained": abstention_rate(outcomes) if certifies else silence_rate(outcomes),
        "distinct_answers": distinct_answers(outcomes),
        "samples": sum(row.get("samples", parameters.n0 + parameters.n if smoothed else 1) for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }
