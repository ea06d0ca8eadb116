"""What adaptation brings on real images: none, denoiser only, both (Table 6); lambda (Table 8) and shots (Table 9).

    python -m benchmarks.studies.adaptation ../shared/data/cifar10 --split test_500 --output docs/results/adaptation \
        --limit 200 --shots 1 --shots 4 --seeds 3 --dtype bfloat16

Cost: each adaptation is some minutes, and each cell of the tables images x (n0 + n) samples at 150 to 300 a second on
2 cores. Writes OUTPUT.md; rows are resumed from evaluations/, adaptations from the work folder. The last line is JSON.
"""

import json
import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from adapters.child_process import end_with
from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.models.process import set_up
from adapters.models.training.workshop import Workshop
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from adapters.store.adaptations import CLASSIFIER, REFERENCES
from adapters.store.places import places_of
from robustify.smoothing.statistics import largest_radius
from robustify.types import DEFAULT_TEMPLATE, SmoothingParameters, Task
from workers.adaptation.stages import AdaptationRun
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.rows import ended_at_once, row_source
from workers.evaluation.runs import Evaluation, Row, Smoothing, evaluate, read_rows

ALPHA = 0.001
NONE, DENOISER, BOTH = "none", "denoiser only", "both"
PLAIN, SMOOTHED = "plain CLIP", "CLIP-Smooth"
ACR = "ACR"
say = Console(stderr=True).print


@dataclass(frozen=True)
class Wanted:
    """An adaptation of the study; `weight` is lambda, None for the profile's."""

    shots: int
    seed: int
    weight: float | None = None

    @property
    def references(self) -> str:
        """Those with the same name share their references."""
        return f"{self.shots}-shots-seed-{self.seed}"

    def parameters(self, labels: Sequence[str]) -> AdaptParameters:
        return AdaptParameters(
            name="study", labels=list(labels), shots=self.shots, seed=self.seed, guidance_weight=self.weight
        )


@dataclass(frozen=True)
class Study:
    """The images, and how they are certified."""

    dataset: Dataset
    settings: Settings
    folder: Path
    n0: int
    n: int
    workers: int
    radii: Sequence[float]

    def rows(self, adaptation: str | None, sigma: float, smoothing: Smoothing = "denoised") -> list[Row]:
        """A row for every image, certified with an adaptation."""
        evaluation = Evaluation(
            settings=self.settings,
            task=Task(self.dataset.class_names, DEFAULT_TEMPLATE, adaptation),
            smoothing=smoothing,
            parameters=SmoothingParameters(sigma, self.n0, self.n, ALPHA),
            dataset_digest=self.dataset.digest,
        )
        path = Path("evaluations") / f"{evaluation.digest}.jsonl"
        evaluate(evaluation, len(self.dataset), path, row_source(evaluation, self.dataset, self.workers))
        rows = sorted(read_rows(path, evaluation.digest), key=lambda row: row.index)
        return rows[: len(self.dataset)]

    def adapt(self, wanted: Sequence[Wanted]) -> list[dict[str, str]]:
        """The digests of what was made for each: side by side, where there are several workers."""
        if self.workers == 1:
            return [self.adapt_once(one) for one in wanted]
        with ended_at_once(ProcessPoolExecutor(self.workers, get_context("spawn"), end_with, (os.getpid(),))) as pool:
            return list(pool.map(self.adapt_once, wanted))

    def adapt_once(self, wanted: Wanted) -> dict[str, str]:
        """Adapts to the class names: the digests of the personalised denoiser alone, and of both models."""
        profile = served_profile(self.settings)
        set_up(profile, self.settings)
        request = adapt_request(wanted.parameters(self.dataset.class_names), profile, self.settings)
        folder = self.folder / f"{wanted.references}-weight-{request.guidance_weight:g}"
        run = AdaptationRun(request, Workshop(profile, self.settings), folder, lambda progress: None)
        run.made.mkdir(parents=True, exist_ok=True)
        shared = self.folder / wanted.references
        if shared.is_dir():
            shutil.copytree(shared, run.made / REFERENCES, dirs_exist_ok=True)
        run.synthesize()
        shutil.copytree(run.made / REFERENCES, shared, dirs_exist_ok=True)
        run.personalize()
        run.fine_tune()
        store = places_of(self.settings).adaptations
        alone = folder / "denoiser-only"
        shutil.copytree(run.made, alone, dirs_exist_ok=True, ignore=shutil.ignore_patterns(CLASSIFIER))
        return {
            DENOISER: store.add(alone, request.models, {}).digest,
            BOTH: store.add(run.made, request.models, {}).digest,
        }


Rows = list[Row]


def certified(row: Row, radius: float) -> float:
    return float(row.image_outcome.is_certified_at(radius))


def certified_radius(row: Row) -> float:
    return row.image_outcome.certified_radius


Measure = Callable[[Row], float]


def measures(radii: Sequence[float]) -> dict[str, Measure]:
    """What is counted of a row: whether it is certified at each radius, and its certified radius."""
    return {
        **{f"certified at {radius:g}": partial(certified, radius=radius) for radius in radii},
        ACR: certified_radius,
    }


def figures(rows: Rows, radii: Sequence[float]) -> dict[str, float]:
    """Certified accuracy at each radius, ACR, and the share whose most voted class is right."""
    means = {name: statistics.fmean(map(measure, rows)) for name, measure in measures(radii).items()}
    return {**means, "top class right": statistics.fmean(row.image_outcome.is_correct for row in rows)}


def difference(rows: Sequence[Rows], bases: Sequence[Rows], radii: Sequence[float]) -> dict[str, dict[str, Any]]:
    """The difference of each seed to its base on the same images: its mean, the standard error of that over the images
    (each averaged over the seeds), and the mean of every seed.
    """
    found = {}
    for name, measure in measures(radii).items():
        gains = [
            [measure(after) - measure(before) for after, before in zip(run, base, strict=True)]
            for run, base in zip(rows, bases, strict=True)
        ]
        of_images = [statistics.fmean(of_image) for of_image in zip(*gains, strict=True)]
        found[name] = {
            "mean": statistics.fmean(of_images),
            "error": statistics.stdev(of_images) / len(of_images) ** 0.5,
            "seeds": [statistics.fmean(of_seed) for of_seed in gains],
        }
    return found


def classifiers(study: Study, sigmas: Sequence[float]) -> Iterator[dict[str, Any]]:
    """The rivals of Table 2, a record each: the classifier as it is, and smoothed without a denoiser."""
    yield record(study, 0, 0, PLAIN, [study.rows(None, sigmas[0], "no-smoothing")], None)
    for sigma in sigmas:
        yield record(study, sigma, 0, SMOOTHED, [study.rows(None, sigma, "no-denoiser")], None)


def components(
    study: Study, sigmas: Sequence[float], shots: Sequence[int], seeds: int, both_only: bool = False
) -> Iterator[dict[str, Any]]:
    """Table 6, a record for each (sigma, shots, variant); what both gain over the denoiser alone is a record too.

    `both_only` spares the certificates of the denoiser alone.
    """
    wanted = [Wanted(count, seed) for count in shots for seed in range(seeds)]
    made = dict(zip(wanted, study.adapt(wanted), strict=True))

    def rows_of(variant: str, sigma: float, count: int) -> list[Rows]:
        return [study.rows(made[Wanted(count, seed)][variant], sigma) for seed in range(seeds)]

    for sigma in sigmas:
        none = [study.rows(None, sigma)]
        yield record(study, sigma, 0, NONE, none, None)
        for count in shots:
            alone = [] if both_only else rows_of(DENOISER, sigma, count)
            if alone:
                yield record(study, sigma, count, DENOISER, alone, none * seeds)
            both = rows_of(BOTH, sigma, count)
            yield record(study, sigma, count, BOTH, both, none * seeds)
            if alone:
                yield record(study, sigma, count, f"{BOTH}, over {DENOISER}", both, alone)


def record(
    study: Study, sigma: float, shots: int, variant: str, rows: Sequence[Rows], bases: Sequence[Rows] | None
) -> dict[str, Any]:
    """One line of Table 6: the figures of every seed, and what is gained over the bases."""
    found = [figures(run, study.radii) for run in rows]
    say(f"sigma {sigma:g}, {shots} shots, {variant}: {found}")
    gain = None if bases is None else difference(rows, bases, study.radii)
    return {"sigma": sigma, "shots": shots, "variant": variant, "figures": found, "difference": gain}


def weights(study: Study, sigmas: Sequence[float], shots: int, values: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Table 8, a record for each (sigma, lambda): the personalised denoiser alone, one seed."""
    adaptations = study.adapt([Wanted(shots, 0, weight) for weight in values])
    for weight, adaptation in zip(values, adaptations, strict=True):
        for sigma in sigmas:
            rows = study.rows(adaptation[DENOISER], sigma)
            yield {"sigma": sigma, "weight": weight, "shots": shots, "figures": [figures(rows, study.radii)]}


def table(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Means over the seeds; differences with their standard error, and from the least to the largest of a seed."""
    names = list(records[0]["figures"][0])
    differences = [name for name in names if any(name in (record.get("difference") or {}) for record in records)]
    titles = [*columns, *names, *(f"{name}, gained" for name in differences)]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for record in records:
        cells = [f"{record[column]:g}" if column != "variant" else record[column] for column in columns]
        for name in names:
            cells.append(shown(name, statistics.fmean(found[name] for found in record["figures"])))
        for name in differences:
            gain = (record.get("difference") or {}).get(name)
            cells.append("" if gain is None else gained(name, gain))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def gained(name: str, gain: dict[str, Any]) -> str:
    mean, error, *seeds = (shown(name, value) for value in (gain["mean"], gain["error"], *sorted(gain["seeds"])))
    return f"{mean} ± {error} ({seeds[0]} to {seeds[-1]})"


def shown(name: str, value: float) -> str:
    return f"{value:.4f}" if name == ACR else f"{100 * value:.1f}"


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    output: Annotated[Path, typer.Option(help="Path of the tables, without suffix.")],
    work: Annotated[Path, typer.Option(help="Folder of the adaptations.")] = Path("evaluations/adaptation"),
    profile: str = "mini",
    dtype: str = "float32",
    limit: int | None = 200,
    shots: Annotated[list[int] | None, typer.Option(help="By default 1 and 4.")] = None,
    seeds: int = 3,
    sigma: Annotated[list[float] | None, typer.Option(help="By default .25 and .5.")] = None,
    radius: Annotated[list[float] | None, typer.Option(help="By default 0, .25 and .5.")] = None,
    rivals: Annotated[bool, typer.Option("--rivals", help="Plain CLIP and CLIP-Smooth too, as in Table 2.")] = False,
    both_only: Annotated[bool, typer.Option("--both-only", help="Not the denoiser alone.")] = False,
    weight: Annotated[list[float] | None, typer.Option(help="lambda, for Table 8.")] = None,
    n0: int = 100,
    n: int = 200,
    workers: int = 2,
) -> None:
    settings = Settings(
        profile=profile, dtype=dtype, state_dir=work.absolute() / "state", threads=1 if workers > 1 else None
    )
    chosen = served_profile(settings)
    images = read_dataset(dataset, split, chosen.side, limit, chosen.preprocessing)
    study = Study(images, settings, work, n0, n, workers, radius or [0.0, 0.25, 0.5])
    counts, sigmas = shots or [1, 4], sigma or [0.25, 0.5]
    rows = list(classifiers(study, sigmas)) if rivals else []
    parts = {"components": [*rows, *components(study, sigmas, counts, seeds, both_only)]}
    if weight:
        parts["weights"] = list(weights(study, sigmas, max(counts), weight))
    limits = " or ".join(f"{largest_radius(n, ALPHA, value):.3f} (sigma {value:g})" for value in sigmas)
    text = (
        f"{len(images)} images of {dataset.name} {split}, n0 = {n0}, n = {n}, alpha = {ALPHA:g}, profile {profile}, "
        f"{dtype}, {seeds} seeds.\nGains are paired, on the same images, ± one standard error over the images (and "
        f"from the least to the largest of a seed).\nOut of reach is any radius above {limits}.\n\n"
    )
    text += table(parts["components"], ("sigma", "shots", "variant")) + "\n"
    if weight:
        text += "\nDenoiser only, by lambda:\n\n" + table(parts["weights"], ("sigma", "shots", "weight")) + "\n"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    typer.echo(text)
    typer.echo(json.dumps({"study": "adaptation", **parts}))


if __name__ == "__main__":
    typer.run(main)
