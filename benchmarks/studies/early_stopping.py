"""What looking early saves, on the same votes: target radii and sequential PREDICT; with `--whole` what takes all n.

    python -m benchmarks.studies.early_stopping ../shared/data/cifar10 --split test_500 --limit 100 \
        --output docs/results/early_stopping --dtype bfloat16

Cost: only samples that a procedure looks at are counted, once for all procedures: some 200,000 for 100 images, at some
260 a second on 2 cores a quarter of an hour. Writes OUTPUT.md and OUTPUT.png.

With `--whole` all 2 sigmas x images x (100 + n) samples are, two hours for n = 10,000. It tells instead what n samples
would have certified, and what the tolerance and the multi-class bound bring (docs/results/early_stopping_whole.md).

Votes are recorded (evaluations/, resumed there), then every procedure is run over them. The last line is JSON.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.contract.looks import certificate_looks, sequential_looks
from adapters.profiles.library import served_profile
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from benchmarks.studies.recording import Asking, Votes, record
from robustify.smoothing.algorithms import Certified, predict
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.rules import CertifyRule, Outcome, PredictRule
from robustify.types import DEFAULT_TEMPLATE, Bound, PredictTest, SmoothingParameters, Task
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.runs import Evaluation

TARGETS = {0.25: (0.25, 0.5), 0.5: (0.5, 1.0)}
"""sigma -> target radii."""
ALPHA, N0 = 0.001, 100
TOLERANCE = 0.05
PREDICT_CAP = 100
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Procedures:
    """What is asked of every image under one sigma, with looks as a server has them."""

    parameters: SmoothingParameters
    targets: Mapping[float, CertifyRule]
    """Target radius -> its rule."""
    tolerance: CertifyRule
    early: PredictRule
    fixed: PredictRule

    @classmethod
    def of(cls, parameters: SmoothingParameters, profile: Profile, settings: Settings) -> "Procedures":
        planned = certificate_looks(Bound.ANYTIME, profile, settings)
        looks, selection_looks = planned.looks, planned.selection_looks
        batch_looks = sequential_looks(PredictTest.SEQUENTIAL, PREDICT_CAP, ALPHA, profile.samples_per_batch(settings))
        return cls(
            parameters,
            {
                radius: certify_rule(parameters, Bound.ANYTIME, radius, None, looks, selection_looks)
                for radius in TARGETS[parameters.sigma]
            },
            certify_rule(parameters, Bound.ANYTIME, None, TOLERANCE, looks, selection_looks),
            predict_rule(PredictTest.SEQUENTIAL, PREDICT_CAP, ALPHA, batch_looks),
            predict_rule(PredictTest.FIXED, PREDICT_CAP, ALPHA),
        )

    @property
    def most(self) -> int:
        """Samples of a certificate that looks once at either phase."""
        return self.parameters.n0 + self.parameters.n


def ask_early(procedures: Procedures, votes: Votes) -> None:
    """What the target radii and the predictions look at."""
    for rule in procedures.targets.values():
        votes.certify(rule)
    for test in (procedures.early, procedures.fixed):
        predict(test, votes.estimation)


def ask_whole(procedures: Procedures, votes: Votes) -> None:
    """All n0 + n."""
    votes.selection.reach(procedures.parameters.n0)
    votes.estimation.reach(procedures.parameters.n)


def samples_of(found: Certified) -> int:
    """Of both phases."""
    return found.selection.samples + found.tally.samples


def share_of_class(found: Certified) -> float:
    """The estimate of p of the class that was chosen."""
    return found.tally.votes[found.selection.index] / found.tally.samples


def target_record(images: Sequence[Votes], procedures: Procedures, radius: float) -> Record:
    """One row of the table: how each image ends, and the samples that it takes."""
    ends = [votes.certify(procedures.targets[radius]) for votes in images]
    outcomes = [found.verdict.outcome for found in ends]
    mean = statistics.fmean(map(samples_of, ends))
    return {
        "sigma": procedures.parameters.sigma,
        "radius": radius,
        **{outcome.value: share_of(outcomes, outcome) for outcome in (Outcome.CERTIFIED, Outcome.NOT_CERTIFIED)},
        "undecided": share_of(outcomes, Outcome.UNDECIDED),
        "mean samples": mean,
        "median samples": statistics.median(map(samples_of, ends)),
        "mean of the selection": statistics.fmean(found.selection.samples for found in ends),
        "times fewer": procedures.most / mean,
        "points": [(share_of_class(found), samples_of(found)) for found in ends],
    }


def share_of(outcomes: Sequence[Outcome], outcome: Outcome) -> float:
    return statistics.fmean(one is outcome for one in outcomes)


def predict_record(images: Sequence[Votes], procedures: Procedures) -> Record:
    """Sequential PREDICT against the fixed test of the same samples."""
    early = [predict(procedures.early, votes.estimation) for votes in images]
    fixed = [predict(procedures.fixed, votes.estimation) for votes in images]
    both = [(one, other) for one, other in zip(early, fixed, strict=True) if None not in (one.index, other.index)]
    return {
        "sigma": procedures.parameters.sigma,
        "step": procedures.early.looks.step,
        "mean samples": statistics.fmean(prediction.n for prediction in early),
        "decided": statistics.fmean(prediction.index is not None for prediction in early),
        "decided with n": statistics.fmean(prediction.index is not None for prediction in fixed),
        "differ where both decide": sum(one.index != other.index for one, other in both),
    }


def fixed_radii(images: Iterable[Votes], parameters: SmoothingParameters, bound: Bound) -> list[float]:
    """After all samples; 0 where it abstains."""
    rule = certify_rule(parameters, bound)
    return [votes.certify(rule).verdict.radius or 0.0 for votes in images]


def fixed_record(images: Sequence[Votes], procedures: Procedures, radius: float) -> Record:
    """How many are certified at the radius by the fixed procedure, and early, on the same votes."""
    fixed = fixed_radii(images, procedures.parameters, Bound.CLOPPER_PEARSON)
    early = [votes.certify(procedures.targets[radius]).verdict.outcome for votes in images]
    return {
        "sigma": procedures.parameters.sigma,
        "radius": radius,
        "certified early": share_of(early, Outcome.CERTIFIED),
        "certified with n": statistics.fmean(one >= radius for one in fixed),
    }


def tolerance_record(images: Sequence[Votes], procedures: Procedures) -> Record:
    """Stopping as soon as the radius is within the tolerance of the largest that is still likely."""
    ends = [votes.certify(procedures.tolerance) for votes in images]
    mean = statistics.fmean(map(samples_of, ends))
    return {
        "sigma": procedures.parameters.sigma,
        "tolerance": TOLERANCE,
        "mean radius": statistics.fmean(found.verdict.radius or 0.0 for found in ends),
        "mean radius with n": statistics.fmean(fixed_radii(images, procedures.parameters, Bound.CLOPPER_PEARSON)),
        "mean samples": mean,
        "times fewer": procedures.most / mean,
    }


def multiclass_record(images: Sequence[Votes], procedures: Procedures) -> Record:
    """The two-sided bound against Cohen's on the same counts."""
    bounds = (Bound.MULTICLASS, Bound.CLOPPER_PEARSON)
    wide, fixed = (fixed_radii(images, procedures.parameters, bound) for bound in bounds)
    pairs = list(zip(wide, fixed, strict=True))
    certified = [one - other for one, other in pairs if other > 0]
    return {
        "sigma": procedures.parameters.sigma,
        "mean radius": statistics.fmean(wide),
        "mean radius of CERTIFY": statistics.fmean(fixed),
        "mean gain where CERTIFY certifies": statistics.fmean(certified) if certified else 0.0,
        "abstentions of CERTIFY": sum(other == 0 for _, other in pairs),
        "of these certified": sum(one > 0 and other == 0 for one, other in pairs),
        "smaller": sum(one < other for one, other in pairs),
    }


def early_records(images: Sequence[Votes], procedures: Procedures) -> dict[str, list[Record]]:
    targets = [target_record(images, procedures, radius) for radius in procedures.targets]
    return {"target": targets, "predict": [predict_record(images, procedures)]}


def whole_records(images: Sequence[Votes], procedures: Procedures) -> dict[str, list[Record]]:
    return {
        "fixed": [fixed_record(images, procedures, radius) for radius in procedures.targets],
        "tolerance": [tolerance_record(images, procedures)],
        "multiclass": [multiclass_record(images, procedures)],
    }


def in_one_line(parts: Mapping[str, Sequence[Record]], most: int) -> str:
    """The figures over all rows."""
    targets, predictions = parts["target"], parts["predict"]
    mean = statistics.fmean(found["mean samples"] for found in targets)
    median = statistics.median(samples for found in targets for _, samples in found["points"])
    predicted = statistics.fmean(found["mean samples"] for found in predictions)
    return (
        f"A target radius takes {mean:.0f} of {most} samples in the mean of all rows ({mean / most:.3f}), {median:g} "
        f"in the median of all rows together; sequential PREDICT {predicted:.1f} of {PREDICT_CAP} in the mean."
    )


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


def evaluation_of(dataset: Dataset, parameters: SmoothingParameters, settings: Settings) -> Evaluation:
    return Evaluation(
        settings=settings,
        task=Task(dataset.class_names, DEFAULT_TEMPLATE),
        smoothing="denoised",
        parameters=parameters,
        dataset_digest=dataset.digest,
    )


def recorded(
    dataset: Dataset, parameters: SmoothingParameters, settings: Settings, workers: int, asking: Asking, name: str
) -> list[Votes]:
    evaluation = evaluation_of(dataset, parameters, settings)
    path = Path("evaluations") / f"recorded-{name}-{evaluation.digest}.jsonl"
    return record(evaluation, dataset, path, workers, asking)


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    output: Annotated[Path, typer.Option(help="Path of the tables, without suffix.")],
    profile: str = "mini",
    dtype: str = "float32",
    limit: int | None = 100,
    n: int = 10_000,
    whole: Annotated[bool, typer.Option(help="Count all n samples, for what needs them.")] = False,
    workers: int = 2,
) -> None:
    settings = Settings(profile=profile, dtype=dtype, threads=1 if workers > 1 else None)
    served = served_profile(settings)
    images = read_dataset(dataset, split, served.side, limit, served.preprocessing)
    ask, name, records = (ask_whole, "whole", whole_records) if whole else (ask_early, "early", early_records)
    parts: dict[str, list[Record]] = {}
    for sigma in TARGETS:
        parameters = SmoothingParameters(sigma, N0, n, ALPHA)
        procedures = Procedures.of(parameters, served, settings)
        votes = recorded(images, parameters, settings, workers, partial(ask, procedures), name)
        for part, found in records(votes, procedures).items():
            parts[part] = parts.get(part, []) + found
    about = f"{len(images)} images of {dataset.name} {split}, n0 = {N0}, n = {n}, alpha = {ALPHA:g}, profile {profile}"
    paragraphs = [f"{about}, {dtype}", *(table(found) for found in parts.values())]
    output.parent.mkdir(parents=True, exist_ok=True)
    if not whole:
        paragraphs.append(in_one_line(parts, N0 + n))
        plot(parts["target"], output.with_suffix(".png"))
    text = "\n\n".join(paragraphs)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    typer.echo(text)
    typer.echo(json.dumps({"study": "early_stopping", **parts}))


if __name__ == "__main__":
    typer.run(main)
