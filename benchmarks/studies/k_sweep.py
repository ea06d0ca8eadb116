"""The correction factor of Eq. 8: certified accuracy for several k, as Fig. 4 of the paper has it.

    python -m benchmarks.studies.k_sweep ../shared/data/cifar10 --split test_500 --output docs/results/k_sweep

`--k` and `--radius`, repeated, ask for others: of Table 5 and Fig. 4 (docs/results/paper.toml).

Cost: images x (n0 + n) x sigmas x ks samples; 500 x 120 x 2 x 6 = 720,000 at 150 to 300 a second on 2 cores.
Writes OUTPUT.md and OUTPUT.png; rows go to evaluations/, and a stopped run goes on there. The last line is JSON.
"""

import json
from collections.abc import Sequence
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
from workers.evaluation.runs import Evaluation, Summary, evaluate

KS = (0.0, 0.5, 1.0, 1.4, 1.8, 2.4)
SIGMAS = (0.25, 0.5)
RADII = (0.0, 0.25, 0.5)
Sweep = dict[float, dict[float, Summary]]
"""sigma -> k -> summary of the run."""


def sweep(
    dataset: Dataset, n0: int, n: int, settings: Settings, rows: Path, workers: int, ks: Sequence[float] = KS
) -> Sweep:
    runs = [(sigma, k) for sigma in SIGMAS for k in ks]
    found: Sweep = {sigma: {} for sigma in SIGMAS}
    for sigma, k in track(runs, "sigma and k"):
        evaluation = Evaluation(
            settings=settings.model_copy(update={"k": k}),
            task=Task(dataset.class_names, DEFAULT_TEMPLATE),
            smoothing="denoised",
            parameters=SmoothingParameters(sigma, n0, n, alpha=0.001),
            dataset_digest=dataset.digest,
        )
        found[sigma][k] = evaluate(
            evaluation, len(dataset), rows / f"{evaluation.digest}.jsonl", row_source(evaluation, dataset, workers)
        )
    return found


def table(found: Sweep, radii: Sequence[float] = RADII) -> str:
    titles = ["sigma", "k", "top class right", *(f"certified at {radius:g}" for radius in radii), "ACR"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for sigma, runs in found.items():
        for k, run in runs.items():
            certified = [f"{run.certified_accuracy.get(str(radius), 0.0):.1%}" for radius in radii]
            cells = [f"{sigma:g}", f"{k:g}", f"{run.clean_accuracy:.1%}", *certified, f"{run.acr:.4f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def documents(found: Sweep) -> dict[float, dict[float, dict[str, object]]]:
    """As JSON can say it."""
    return {sigma: {k: run.model_dump() for k, run in runs.items()} for sigma, runs in found.items()}


def plot(found: Sweep, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5))
    for axis, quantity in zip(axes, ("clean_accuracy", "acr"), strict=True):
        for sigma, runs in found.items():
            axis.plot(
                list(runs), [getattr(run, quantity) for run in runs.values()], marker="o", label=f"sigma {sigma:g}"
            )
        axis.set_xlabel("correction factor k")
    axes[0].set_ylabel("top class is right")
    axes[1].set_ylabel("average certified radius")
    axes[1].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    output: Annotated[Path, typer.Option(help="Path of the table and the plot, without suffix.")],
    k: Annotated[list[float] | None, typer.Option(help="Correction factors.")] = None,
    radius: Annotated[list[float] | None, typer.Option(help="Of certified accuracy.")] = None,
    profile: str = "mini",
    dtype: str = "float32",
    limit: int | None = None,
    n0: int = 20,
    n: int = 100,
    workers: int = 2,
) -> None:
    settings = Settings(profile=profile, dtype=dtype, threads=1 if workers > 1 else None)
    chosen = find_profile(profile)
    images = read_dataset(dataset, split, chosen.side, limit, chosen.preprocessing)
    found = sweep(images, n0, n, settings, Path("evaluations"), workers, k or KS)
    output.parent.mkdir(parents=True, exist_ok=True)
    about = (
        f"{len(images)} images of {dataset.name} {split}, n0 = {n0}, n = {n}, alpha = .001, profile {profile}, {dtype}"
    )
    output.with_suffix(".md").write_text(f"{about}\n\n{table(found, radius or RADII)}\n", encoding="utf-8")
    plot(found, output.with_suffix(".png"))
    typer.echo(table(found, radius or RADII))
    typer.echo(json.dumps({"study": "k_sweep", "runs": documents(found)}))


if __name__ == "__main__":
    typer.run(main)
