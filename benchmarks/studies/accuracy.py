"""Denoised smoothing against CLIP-Smooth and plain CLIP, at each sigma: the table of the model card.

    python -m benchmarks.studies.accuracy ../shared/data/cifar10 --split test_500 --output docs/results/cifar10 \
        --run .25:1000 --run .12:200 --run .5:200

Cost: images x (100 + n) samples for each run of denoised smoothing, at 150 to 300 a second on 2 cores, and a tenth
of the time for CLIP-Smooth. Writes OUTPUT.md; rows are resumed from evaluations/. The last line is JSON.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.types import DEFAULT_TEMPLATE, SmoothingParameters, Task
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.rows import row_source
from workers.evaluation.runs import Evaluation, Smoothing, Summary, evaluate

N0, ALPHA = 100, 0.001
RADII = ("0.0", "0.25", "0.5", "0.75", "1.0")
TITLES: dict[Smoothing, str] = {
    "denoised": "denoised smoothing",
    "no-denoiser": "CLIP-Smooth",
    "no-smoothing": "plain CLIP",
}
Row = tuple[Smoothing, SmoothingParameters, Summary]


def study(dataset: Dataset, runs: list[tuple[float, int]], settings: Settings, rows: Path, workers: int) -> list[Row]:
    planned: list[tuple[Smoothing, float, int]] = [("no-smoothing", runs[0][0], runs[0][1])]
    for sigma, n in runs:
        planned += [("no-denoiser", sigma, n), ("denoised", sigma, n)]
    found: list[Row] = []
    for method, sigma, n in track(planned, "runs"):
        parameters = SmoothingParameters(sigma, N0, n, ALPHA)
        evaluation = Evaluation(
            settings, Task(dataset.class_names, DEFAULT_TEMPLATE), method, parameters, dataset.digest
        )
        found.append(
            (
                method,
                parameters,
                evaluate(
                    evaluation,
                    len(dataset),
                    rows / f"{evaluation.digest}.jsonl",
                    row_source(evaluation, dataset, workers),
                ),
            )
        )
    return found


def table(found: list[Row]) -> str:
    titles = ["method", "sigma", "n", "top class right", *(f"cert. at {radius}" for radius in RADII), "ACR"]
    lines = [f"| {' | '.join([*titles, 'abstained', 'distinct answers'])} |", "|---" * (len(titles) + 2) + "|"]
    for method, parameters, run in found:
        smoothed = method != "no-smoothing"
        cells = [TITLES[method], f"{parameters.sigma:g}" if smoothed else "", str(parameters.n) if smoothed else ""]
        cells.append(f"{run.clean_accuracy:.1%}")
        cells += [percent(run.certified_accuracy.get(radius)) for radius in RADII]
        cells += [f"{run.acr:.4f}", f"{run.abstained:.1%}", str(run.distinct_answers)] if smoothed else [""] * 3
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def parse_run(text: str) -> tuple[float, int]:
    sigma, _, n = text.partition(":")
    return float(sigma), int(n)


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    run: Annotated[list[str], typer.Option(help="SIGMA:N, repeated.")],
    output: Annotated[Path, typer.Option(help="Path of the table, without suffix.")],
    profile: str = "mini",
    dtype: str = "float32",
    limit: int | None = None,
    workers: int = 2,
) -> None:
    settings = Settings(profile=profile, dtype=dtype, threads=1 if workers > 1 else None)
    chosen = find_profile(profile)
    images = read_dataset(dataset, split, chosen.side, limit, chosen.preprocessing)
    found = study(images, [parse_run(text) for text in run], settings, Path("evaluations"), workers)
    about = f"{len(images)} images of {dataset.name} {split}, n0 = {N0}, alpha = {ALPHA:g}, profile {profile}, {dtype}"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(f"{about}\n\n{table(found)}\n", encoding="utf-8")
    typer.echo(table(found))
    typer.echo(
        json.dumps({"study": "accuracy", "runs": [(m, p.sigma, p.n, summary.model_dump()) for m, p, summary in found]})
    )


if __name__ == "__main__":
    typer.run(main)
