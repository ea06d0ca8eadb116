"""The concepts most similar to an image before and after an attack, plain and denoised, as Fig. 5 of the paper.

    robustify attack ../shared/data/cifar10 --split test_500 --profile mini --limit 4 --no-smoothing --all --eps 0.5 \
        --output evaluations/figure_5-clip
    robustify attack ../shared/data/cifar10 --split test_500 --profile mini --limit 4 --mode paper --all --eps 0.5 \
        --output evaluations/figure_5-ours
    python -m benchmarks.studies.concepts ../shared/data/cifar10 --split test_500 --limit 4 \
        --attack evaluations/figure_5-clip --attack evaluations/figure_5-ours \
        --concepts ../shared/data/tiny_imagenet_32/labels.json --output docs/results/figure_5

Each way to classify is shown the image of the attack on itself: CLIP that of PGD, and denoised smoothing that of
SmoothAdv; where one has no folder, it is shown the image of the first attack, and that is said. Folders of `robustify
compare` will do. Concepts are those of a text file, one a line, or the classes of a labels.json, and those of the data
set: `mini` has learned the names of 210 classes and knows no other words.

Cost: some seconds an image for the tables; PGD takes a second an image, SmoothAdv three minutes on one core. Writes
OUTPUT.md. The last line is JSON.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.types import DEFAULT_TEMPLATE
from workers.evaluation.attacks.images import read_kept
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.attacks.transfer import KeptAttack
from workers.evaluation.concepts.attacked import defence_of
from workers.evaluation.concepts.lists import concepts_of
from workers.evaluation.concepts.ranking import Ranking, Seen, ranking
from workers.evaluation.concepts.similarity import Seer, View, seer_of
from workers.evaluation.data.dataset import Dataset, Sample, usable
from workers.evaluation.data.reading import read_dataset

DEFENCE_OF_VIEW = {View.PLAIN: "no-smoothing", View.SMOOTHED: "no-denoiser", View.DENOISED: "denoised"}
SHOWN = (View.PLAIN, View.DENOISED)
TITLES = {View.PLAIN: "CLIP", View.SMOOTHED: "CLIP-Smooth", View.DENOISED: "Ours"}


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    attack: Annotated[list[Path], typer.Option(help="Folders of `robustify attack`.")],
    output: Annotated[Path, typer.Option(help="Path of the tables, without suffix.")],
    concepts: Annotated[Path | None, typer.Option(help="File of concepts.")] = None,
    images: Annotated[int, typer.Option(help="Images that are shown: the first that an attack has felled.")] = 2,
    profile: str = "mini",
    sigma: float = 0.25,
    n: int = 100,
    top: int = 5,
    limit: int | None = 4,
) -> None:
    settings = Settings(profile=profile)
    served = served_profile(settings)
    data = read_dataset(dataset, split, served.side, limit, served.preprocessing)
    attacks = {defence_of(folder): KeptAttack(folder) for folder in attack}
    seer = seer_of(settings, listed(concepts, data), served.templates or (DEFAULT_TEMPLATE,))
    chosen = [data.sample(row.index) for row in fallen(attacks)[:images]]
    found = {sample.file: [seen(seer, view, sample, attacks, sigma, n, top) for view in SHOWN] for sample in chosen}
    labels = {sample.file: data.class_names[sample.label] for sample in chosen}
    about = (
        f"{len(seer.concepts)} concepts, top {top}, sigma {sigma:g}, {n} noisy copies, profile {profile}; images of "
        f"{dataset.name} {split}. {', '.join(shown_to(view, attacks) for view in SHOWN)}."
    )
    tables = [tables_of(file, labels[file], parts) for file, parts in found.items()]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.with_suffix(".md").write_text("\n\n".join([about, *tables]) + "\n", encoding="utf-8")
    typer.echo("\n\n".join(tables))
    documents = {file: [part.model_dump() for part in parts] for file, parts in found.items()}
    typer.echo(json.dumps({"study": "concepts", "images": documents}))


def listed(file: Path | None, data: Dataset) -> tuple[str, ...]:
    """Those of the file, and the data set's own classes."""
    if file is None or file.suffix != ".json":
        return concepts_of(file, data.class_names)
    return concepts_of(None, [*data.class_names, *json.loads(file.read_text(encoding="utf-8"))["class_names"]])


def shown_to(view: View, attacks: Mapping[str, KeptAttack]) -> str:
    """Whose images one way to classify is shown."""
    defence = DEFENCE_OF_VIEW[view]
    taken = defence if defence in attacks else next(iter(attacks))
    return f"{TITLES[view]} is shown images of the attack on {taken} ({attacks[taken].digest})"


def fallen(attacks: Mapping[str, KeptAttack]) -> Sequence[AttackRow]:
    """Images that were answered rightly and, after the first attack, as another class, in their order."""
    first = next(iter(attacks.values()))
    right = [row for _, row in sorted(first.rows.items()) if row.answer_before == row.label]
    return [row for row in right if row.answer_after not in (None, row.label)]


def seen(
    seer: Seer, view: View, sample: Sample, attacks: Mapping[str, KeptAttack], sigma: float, n: int, top: int
) -> Seen:
    """An image as one way to classify sees it, before and after the attack on it."""
    clean, kept = usable(sample), attacks.get(DEFENCE_OF_VIEW[view]) or next(iter(attacks.values()))
    attacked = read_kept(kept.folder, kept.rows[sample.index])
    before = ranking(seer.concepts, seer.cosines(clean, view, sigma, n), seer.scale, top)
    after = ranking(seer.concepts, seer.cosines(attacked, view, sigma, n), seer.scale, top, before)
    return Seen(view=TITLES[view], before=before, after=after)


def tables_of(file: str, label: str, parts: Sequence[Seen]) -> str:
    """One image: a column for each way, before and after."""
    heads = [f"{part.view}: {when}" for part in parts for when in ("before", "after")]
    columns = [ranked for part in parts for ranked in (part.before, part.after) if ranked is not None]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows_of(columns)]
    kept = "; ".join(f"{part.view} keeps {part.after.kept} of {len(part.before.top)}" for part in parts if part.after)
    return f"**{label}** ({file}): {kept}.\n\n" + "\n".join(lines)


def rows_of(columns: Sequence[Ranking]) -> Iterator[str]:
    for place in range(len(columns[0].top)):
        cells = [f"{column.top[place].concept} ({column.top[place].similarity:.3f})" for column in columns]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    typer.run(main)
