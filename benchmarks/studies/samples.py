"""What more samples buy: clean and robust accuracy, abstentions and seconds of PREDICT for several n, as Table 10.

    python -m benchmarks.studies.samples ../shared/data/cifar10 --split test_500 --limit 100 \
        --attack evaluations/attack-ours-0.5 --output docs/results/table_10

The attack's folder is what `robustify attack` wrote with the same data, the same --limit and the same profile. Every
vote of the clean and of the attacked images is recorded once, under noise that the attack has not met, and PREDICT is
asked about the first n of them: so all rows of the table are about the same votes. Clean accuracy is the paper's: where
PREDICT abstains, the base classifier is asked once. An abstention is not robust.

Cost: 2 x images x the largest n samples, 200,000 for 100 images and n = 1000: a quarter of an hour at 240 a second on
two cores. Rows go to evaluations/, and a stopped run goes on there. Writes OUTPUT.md. The last line is JSON.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pydantic import BaseModel

from adapters.canonical_json import text_digest
from adapters.contract.looks import sequential_looks
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from benchmarks.studies.recording import Votes, record
from robustify.smoothing.algorithms import predict
from robustify.smoothing.predict_rules import predict_rule
from robustify.types import DEFAULT_TEMPLATE, Prediction, PredictTest, SmoothingParameters
from workers.evaluation.asked import evaluation_of, task_for
from workers.evaluation.attacks.images import digest_of
from workers.evaluation.attacks.transfer import KeptAttack
from workers.evaluation.data.dataset import DataReport, Dataset, Sample, samples_of, usable
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.procedure import Procedure
from workers.evaluation.rows import Evaluator
from workers.evaluation.runs import Evaluation, read_rows

USUAL_NS = (25, 50, 100, 200, 400, 1000)
"""The paper's, and one more."""
COLUMNS = (
    "n", "clean accuracy", "clean: abstained", "robust accuracy", "attacked: abstained", "seconds for a picture",
    "samples, stopping early", "seconds, stopping early",
)  # fmt: skip


@dataclass(frozen=True)
class AttackedImages:
    """A data set with the adversarial image in the place of each that was attacked."""

    images: Dataset
    folder: Path

    @cached_property
    def kept(self) -> KeptAttack:
        return KeptAttack(self.folder)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.images.class_names

    @property
    def labels(self) -> Sequence[int]:
        return self.images.labels

    @property
    def digest(self) -> str:
        return text_digest(f"{self.images.digest} {self.kept.digest}")

    @property
    def report(self) -> DataReport:
        return self.images.report

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, index: int) -> Sample:
        clean = self.images.sample(index)
        attacked = self.kept(clean)
        return replace(clean, tensor=attacked, sha256=digest_of(attacked))


class Row(BaseModel):
    """One n; shares are of all images."""

    n: int
    clean_accuracy: float
    clean_abstained: float
    robust_accuracy: float
    attacked_abstained: float
    seconds: float
    early_samples: float
    early_seconds: float


@dataclass(frozen=True)
class Recorded:
    """The votes of all images, clean and attacked; `bases`: what f says of the clean image, asked once."""

    labels: Sequence[int]
    bases: Sequence[int]
    clean: Sequence[Votes]
    attacked: Sequence[Votes]
    samples_per_second: float

    def row(self, n: int, alpha: float, early_look: int) -> Row:
        """`early_look`: samples between two looks of the test that stops early, at the least."""
        clean, attacked = (answers(votes, n, alpha) for votes in (self.clean, self.attacked))
        answered = [base if one.index is None else one.index for one, base in zip(clean, self.bases, strict=True)]
        early = statistics.fmean(one.n for one in early_answers(self.clean, n, alpha, early_look))
        return Row(
            n=n,
            clean_accuracy=share([one == label for one, label in zip(answered, self.labels, strict=True)]),
            clean_abstained=share([one.index is None for one in clean]),
            robust_accuracy=share(self.robust(clean, attacked)),
            attacked_abstained=share([one.index is None for one in attacked]),
            seconds=n / self.samples_per_second,
            early_samples=early,
            early_seconds=early / self.samples_per_second,
        )

    def robust(self, clean: Sequence[Prediction], attacked: Sequence[Prediction]) -> list[bool]:
        """Answered rightly before and after."""
        pairs = zip(clean, attacked, self.labels, strict=True)
        return [before.index == label == after.index for before, after, label in pairs]


def answers(images: Sequence[Votes], n: int, alpha: float) -> list[Prediction]:
    """By the paper's test on the first n votes."""
    rule = predict_rule(PredictTest.FIXED, n, alpha)
    return [predict(rule, votes.estimation) for votes in images]


def early_answers(images: Sequence[Votes], n: int, alpha: float, look: int) -> list[Prediction]:
    """By the test that the service answers with."""
    looks = sequential_looks(PredictTest.SEQUENTIAL, n, alpha, look)
    rule = predict_rule(PredictTest.SEQUENTIAL if looks else PredictTest.FIXED, n, alpha, looks)
    return [predict(rule, votes.estimation) for votes in images]


def share(hits: Sequence[bool]) -> float:
    return statistics.fmean(hits)


@dataclass(frozen=True)
class ReachAll:
    """Counts so many samples of each image, and selects nothing."""

    n: int

    def __call__(self, votes: Votes) -> None:
        votes.estimation.reach(self.n)


def recorded(evaluation: Evaluation, images: Dataset, folder: Path, workers: int, rows: Path) -> Recorded:
    """Both runs; the speed is that of the clean images."""
    n = evaluation.parameters.n
    runs = [(replace(evaluation, dataset_digest=one.digest), one) for one in (images, AttackedImages(images, folder))]
    files = [rows / f"recorded-samples-{run.digest}.jsonl" for run, _ in runs]
    clean, attacked = (
        record(run, one, file, workers, ReachAll(n)) for (run, one), file in zip(runs, files, strict=True)
    )
    return Recorded(
        images.labels, base_answers(evaluation, images), clean, attacked, speed_of(files[0], runs[0][0].digest, n)
    )


def base_answers(evaluation: Evaluation, images: Dataset) -> list[int]:
    """Of f, denoiser and classifier, on the clean images."""
    evaluator = Evaluator(evaluation)
    found = [evaluator.classify(usable(sample))["answer"] for sample in samples_of(images)]
    return [-1 if answer is None else answer for answer in found]


def speed_of(file: Path, digest: str, n: int) -> float:
    """Samples a second of one process, the median; the paper leaves out the first image for the same reason."""
    return float(np.median([n / row.seconds for row in read_rows(file, digest)]))


def table(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(row: Row) -> list[str]:
    shares = (row.clean_accuracy, row.clean_abstained, row.robust_accuracy, row.attacked_abstained)
    early = [f"{row.early_samples:.0f}", f"{row.early_seconds:.2f}"]
    return [str(row.n), *(f"{value:.1%}" for value in shares), f"{row.seconds:.2f}", *early]


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    attack: Annotated[Path, typer.Option(help="Folder of `robustify attack`.")],
    output: Annotated[Path, typer.Option(help="Path of the table, without suffix.")],
    profile: str = "mini",
    dtype: str = "float32",
    sigma: float = 0.25,
    limit: int | None = 100,
    n: Annotated[list[int] | None, typer.Option(help="Samples; repeat it.")] = None,
    workers: int = 2,
) -> None:
    settings = Settings(profile=profile, dtype=dtype, threads=1 if workers > 1 else None)
    served = served_profile(settings)
    images = read_dataset(dataset, split, served.side, limit, served.preprocessing)
    asked = sorted(set(n or USUAL_NS))
    task = task_for(images.class_names, None, served.templates or (DEFAULT_TEMPLATE,))
    parameters = SmoothingParameters(sigma, n0=1, n=asked[-1], alpha=0.001)
    evaluation = evaluation_of(settings, task, "denoised", parameters, images, None, Procedure())
    found = recorded(evaluation, images, attack, workers, Path("evaluations"))
    rows = [found.row(one, evaluation.parameters.alpha, served.samples_per_batch(settings)) for one in asked]
    about = (
        f"{len(images)} images of {dataset.name} {split}, sigma {sigma:g}, alpha = .001, profile {profile}, {dtype}; "
        f"attacked images of run {KeptAttack(attack).digest}. Seconds are those of one process"
        f"{' of one thread' if workers > 1 else ''}."
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(f"{about}\n\n{table(rows)}\n", encoding="utf-8")
    typer.echo(table(rows))
    typer.echo(json.dumps({"study": "samples", "rows": [row.model_dump() for row in rows]}))


if __name__ == "__main__":
    typer.run(main)
