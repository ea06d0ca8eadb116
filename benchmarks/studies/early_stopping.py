"""What looking early saves, on the same votes: target radii, tolerance, sequential PREDICT; and the multi-class bound.

    python -m benchmarks.studies.early_stopping ../shared/data/cifar10 --split test_500 --limit 100 \
        --output docs/results/early_stopping --dtype bfloat16

Cost: 2 sigmas x images x (100 + n) samples, 2 million for 100 images and n = 10,000, at some 260 a second on 2 cores:
two hours. All votes are recorded once (evaluations/, resumed there), then every procedure is run over them. Writes
OUTPUT.md and OUTPUT.png. The last line is JSON.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from adapters.profiles.shipped import find_profile
from adapters.settings import Settings
from benchmarks.studies.recording import record, tally, votes_of
from robustify.smoothing.algorithms import certify, predict
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.rules import CertifyRule, Outcome, Verdict
from robustify.types import DEFAULT_TEMPLATE, Bound, PredictTest, SmoothingParameters, Task
from workers.evaluation.datasets import Dataset, read_dataset
from workers.evaluation.runs import Evaluation, Row

TARGETS = {0.25: (0.25, 0.5), 0.5: (0.5, 1.0)}
"""sigma -> target radii."""
ALPHA, N0 = 0.001, 100
TOLERANCE = 0.05
PREDICT_CAP = 100
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Votes:
    """One image's votes, with the class that its selection samples chose."""

    index: int
    selection: Sequence[int]
    each: np.ndarray
    """(n,) in the order of the samples."""

    @classmethod
    def of(cls, row: Row) -> "Votes":
        assert row.answer is not None
        return cls(row.answer, row.selection_votes or (), votes_of(row))

    @property
    def classes(self) -> int:
        return len(self.selection)

    def count(self, first: int, count: int) -> Sequence[int]:
        """A VoteCounter over what was recorded."""
        found: list[int] = tally(self.each[first : first + count], self.classes).tolist()
        return found

    @property
    def share(self) -> float:
        """The estimate of p of the chosen class."""
        return float((self.each == self.index).mean())

    def certify(self, rule: CertifyRule) -> tuple[Verdict, int]:
        """(what CERTIFY says under the rule, all samples that it took)."""
        found = certify(rule, lambda first, count: self.selection, self.count)
        return found.verdict, rule.parameters.n0 + found.tally.samples

    def fixed_radius(self, parameters: SmoothingParameters, bound: Bound = Bound.CLOPPER_PEARSON) -> float:
        """After all samples; 0 where it abstains."""
        return self.certify(certify_rule(parameters, bound))[0].radius or 0.0


def target_record(images: Sequence[Votes], radius: float, parameters: SmoothingParameters, step: int) -> Record:
    """One row of the table: how many are certified at the radius, and the samples of each procedure."""
    rule = certify_rule(parameters, Bound.ANYTIME, target_radius=radius, step=step)
    ends = [votes.certify(rule) for votes in images]
    fixed = [votes.fixed_radius(parameters) >= radius for votes in images]
    mean = statistics.fmean(samples for _, samples in ends)
    whole = parameters.n0 + parameters.n
    return {
        "sigma": parameters.sigma,
        "radius": radius,
        "certified early": statistics.fmean(verdict.outcome is Outcome.CERTIFIED for verdict, _ in ends),
        "certified with n": statistics.fmean(fixed),
        "undecided": statistics.fmean(verdict.outcome is Outcome.UNDECIDED for verdict, _ in ends),
        "mean samples": mean,
        "median samples": statistics.median(samples for _, samples in ends),
        "times fewer": whole / mean,
        "points": [(votes.share, samples) for votes, (_, samples) in zip(images, ends, strict=True)],
    }


def tolerance_record(images: Sequence[Votes], parameters: SmoothingParameters, step: int) -> Record:
    """Stopping as soon as the radius is within the tolerance of the largest that is still possible."""
    rule = certify_rule(parameters, Bound.ANYTIME, tolerance=TOLERANCE, step=step)
    ends = [votes.certify(rule) for votes in images]
    mean = statistics.fmean(samples for _, samples in ends)
    return {
        "sigma": parameters.sigma,
        "tolerance": TOLERANCE,
        "mean radius": statistics.fmean(verdict.radius or 0.0 for verdict, _ in ends),
        "mean radius with n": statistics.fmean(votes.fixed_radius(parameters) for votes in images),
        "mean samples": mean,
        "times fewer": (parameters.n0 + parameters.n) / mean,
    }


def predict_record(images: Sequence[Votes], sigma: float, step: int) -> Record:
    """Sequential PREDICT against the fixed test of the same samples."""
    sequential = predict_rule(PredictTest.SEQUENTIAL, PREDICT_CAP, ALPHA, step)
    paper = predict_rule(PredictTest.FIXED, PREDICT_CAP, ALPHA)
    early = [predict(sequential, votes.count) for votes in images]
    fixed = [predict(paper, votes.count) for votes in images]
    both = [(one, other) for one, other in zip(early, fixed, strict=True) if None not in (one.index, other.index)]
    return {
        "sigma": sigma,
        "step": step,
        "mean samples": statistics.fmean(prediction.n for prediction in early),
        "decided": statistics.fmean(prediction.index is not None for prediction in early),
        "decided with n": statistics.fmean(prediction.index is not None for prediction in fixed),
        "differ where both decide": sum(one.index != other.index for one, other in both),
    }


def multiclass_record(images: Sequence[Votes], parameters: SmoothingParameters) -> Record:
    """The two-sided bound against Cohen's on the same counts."""
    wide = [votes.fixed_radius(parameters, Bound.MULTICLASS) for votes in images]
    fixed = [votes.fixed_radius(parameters) for votes in images]
    pairs = list(zip(wide, fixed, strict=True))
    certified = [one - other for one, other in pairs if other > 0]
    return {
        "sigma": parameters.sigma,
        "mean radius": statistics.fmean(wide),
        "mean radius of CERTIFY": statistics.fmean(fixed),
        "mean gain where CERTIFY certifies": statistics.fmean(certified) if certified else 0.0,
        "abstentions of CERTIFY": sum(other == 0 for _, other in pairs),
        "of these certified": sum(one > 0 and other == 0 for one, other in pairs),
        "smaller": sum(one < other for one, other in pairs),
    }


def table(records: Sequence[Record]) -> str:
    names = [name for name in records[0] if name != "points"]
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    lines += [f"| {' | '.join(shown(found[name]) for name in names)} |" for found in records]
    return "\n".join(lines)


def shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def plot(records: Sequence[Record], path: Path) -> None:
    """Samples against the share of votes for the class, one colour a radius."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(TARGETS), figsize=(9, 3.6), sharey=True)
    for axis, sigma in zip(axes, TARGETS, strict=True):
        for found in (found for found in records if found["sigma"] == sigma):
            shares, samples = zip(*found["points"], strict=True)
            axis.scatter(shares, samples, s=9, label=f"certified at {found['radius']:g}?")
        axis.set(title=f"sigma {sigma:g}", xlabel="share of votes for the class", yscale="log")
        axis.legend()
    axes[0].set_ylabel("samples until decided")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def recorded(dataset: Dataset, sigma: float, n: int, settings: Settings, rows: Path, workers: int) -> list[Votes]:
    evaluation = Evaluation(
        settings=settings,
        task=Task(dataset.class_names, DEFAULT_TEMPLATE),
        method="denoised",
        parameters=SmoothingParameters(sigma, N0, n, ALPHA),
        dataset_digest=dataset.digest,
    )
    return [Votes.of(row) for row in record(evaluation, dataset, rows, workers)]


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    output: Annotated[Path, typer.Option(help="Path of the tables, without suffix.")],
    profile: str = "mini",
    dtype: str = "float32",
    limit: int | None = 100,
    n: int = 10_000,
    step: Annotated[int, typer.Option(help="Samples between two looks of a certificate.")] = 100,
    predict_step: Annotated[int, typer.Option(help="Samples between two looks of a prediction.")] = 25,
    workers: int = 2,
) -> None:
    settings = Settings(profile=profile, dtype=dtype, threads=1 if workers > 1 else None)
    images = read_dataset(dataset, split, find_profile(profile).side, limit)
    parts: dict[str, list[Record]] = {"target": [], "tolerance": [], "predict": [], "multiclass": []}
    for sigma, radii in TARGETS.items():
        votes = recorded(images, sigma, n, settings, Path("evaluations"), workers)
        parameters = SmoothingParameters(sigma, N0, n, ALPHA)
        of_target = partial(target_record, votes, parameters=parameters, step=step)
        parts["target"] += [of_target(radius) for radius in radii]
        parts["tolerance"].append(tolerance_record(votes, parameters, step))
        parts["predict"].append(predict_record(votes, sigma, predict_step))
        parts["multiclass"].append(multiclass_record(votes, parameters))
    about = f"{len(images)} images of {dataset.name} {split}, n0 = {N0}, n = {n}, alpha = {ALPHA:g}, looks every {step}"
    text = f"{about}, profile {profile}, {dtype}\n\n" + "\n\n".join(table(records) for records in parts.values())
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    plot(parts["target"], output.with_suffix(".png"))
    typer.echo(text)
    typer.echo(json.dumps({"study": "early_stopping", **parts}))


if __name__ == "__main__":
    typer.run(main)
