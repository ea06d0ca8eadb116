"""What a prompt ensemble brings: one template against CLIP's 80 for ImageNet, on the same images.

    python -m benchmarks.studies.prompt_ensembles ../shared/data --output docs/results/prompt_ensembles --dtype bfloat16

Cost: (500 + 1,000 images) x 2 x (n0 + n) samples at 150 to 300 a second on 2 cores. Writes OUTPUT.md; rows are resumed
from evaluations/. The last line is JSON.
"""

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.types import DEFAULT_TEMPLATE, SmoothingParameters, Task
from workers.evaluation.data.dataset import Dataset
from workers.evaluation.data.reading import read_dataset
from workers.evaluation.rows import row_source
from workers.evaluation.runs import Evaluation, Row, evaluate, read_rows

SETS = (("cifar10", "test_500"), ("tiny_imagenet_32", "val_1000"))
TEMPLATES_OF = "ImageNet"
RADII = (0.0, 0.25, 0.5)


@dataclass(frozen=True)
class Study:
    """How images are certified, and where rows are kept."""

    settings: Settings
    parameters: SmoothingParameters
    workers: int

    def rows(self, dataset: Dataset, task: Task) -> list[Row]:
        evaluation = Evaluation(self.settings, task, "denoised", self.parameters, dataset.digest)
        path = Path("evaluations") / f"{evaluation.digest}.jsonl"
        evaluate(evaluation, len(dataset), path, row_source(evaluation, dataset, self.workers))
        return sorted(read_rows(path, evaluation.digest), key=lambda row: row.index)[: len(dataset)]


def measures(radii: Sequence[float]) -> Mapping[str, Callable[[Row], float]]:
    """Of one image: each is a share or a radius, so that its mean is the figure."""
    certified = {f"certified at {radius:g}": at_least(radius) for radius in radii}
    return {"top class right": lambda row: float(row.image_outcome.is_correct), **certified, "ACR": certified_radius}


def at_least(radius: float) -> Callable[[Row], float]:
    return lambda row: float(row.image_outcome.is_certified_at(radius))


def certified_radius(row: Row) -> float:
    return row.image_outcome.certified_radius


def compared(name: str, single: Sequence[Row], ensemble: Sequence[Row]) -> list[dict[str, object]]:
    """A line for each figure: both means, and the mean of the differences with one standard error."""
    lines: list[dict[str, object]] = []
    for figure, measure in measures(RADII).items():
        first, second = [measure(row) for row in single], [measure(row) for row in ensemble]
        gains = [after - before for before, after in zip(first, second, strict=True)]
        lines.append(
            {
                "set": name,
                "figure": figure,
                "one": statistics.fmean(first),
                "ensemble": statistics.fmean(second),
                "gain": statistics.fmean(gains),
                "error": statistics.stdev(gains) / math.sqrt(len(gains)),
            }
        )
    return lines


def table(lines: Sequence[Mapping[str, object]]) -> str:
    head = "| set | figure | one template | 80 templates | gain, paired, ± one standard error |\n|---|---|---|---|---|"
    return "\n".join([head, *map(row_of, lines)])


def row_of(line: Mapping[str, object]) -> str:
    scale, digits = (1, 4) if line["figure"] == "ACR" else (100, 1)
    one, ensemble, gain, error = (
        f"{scale * float(str(line[name])):.{digits}f}" for name in ("one", "ensemble", "gain", "error")
    )
    return f"| {line['set']} | {line['figure']} | {one} | {ensemble} | {gain} ± {error} |"


def main(
    data: Annotated[Path, typer.Argument(help="Folder with cifar10, tiny_imagenet_32 and prompts.")],
    output: Annotated[Path, typer.Option(help="Path of the table, without suffix.")],
    profile: str = "mini",
    dtype: str = "float32",
    sigma: float = 0.25,
    n0: int = 20,
    n: int = 100,
    limit: int | None = None,
    workers: int = 2,
) -> None:
    found, chosen = json.loads((data / "prompts" / "datasets.json").read_text(encoding="utf-8")), find_profile(profile)
    templates = tuple(text.replace("{c}", "{}") for text in found[TEMPLATES_OF]["templates_clip"])
    settings = Settings(profile=profile, dtype=dtype, threads=1 if workers > 1 else None)
    study = Study(settings, SmoothingParameters(sigma, n0, n, alpha=0.001), workers)
    lines: list[dict[str, object]] = []
    for name, split in SETS:
        dataset = read_dataset(data / name, split, chosen.side, limit, chosen.preprocessing)
        single = study.rows(dataset, Task(dataset.class_names, DEFAULT_TEMPLATE))
        ensemble = study.rows(dataset, Task(dataset.class_names, templates[0], templates=templates))
        lines += compared(f"{name} {split}", single, ensemble)
    about = (
        f"n0 = {n0}, n = {n}, alpha = .001, sigma {sigma:g}, profile {profile}, {dtype}; the one template is "
        f"{DEFAULT_TEMPLATE!r}, the 80 are CLIP's for ImageNet."
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text(f"{about}\n\n{table(lines)}\n", encoding="utf-8")
    typer.echo(table(lines))
    typer.echo(json.dumps({"study": "prompt_ensembles", "lines": lines}))


if __name__ == "__main__":
    typer.run(main)
