"""Do bfloat16 and float32 vote alike, and the folded UNet and the UNet as it is? The same noise through each.

    python -m benchmarks.studies.dtype_agreement tests/data/cifar10 --limit 20 [--samples 100]

Cost: 4 x images x samples through profile mini. Each pair of number format and UNet is a function of its own, with its
own fingerprint; certificates are never mixed. Expected: folded and unfolded float32 differ in at most 1 of 1,000 votes.
Exit 1 where they do not. The last line is JSON.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from adapters.models.catalogue import load_models
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from benchmarks.studies.batch_shapes import run
from robustify.smoothing.seeds import public_seed
from robustify.types import Phase, Task
from workers.counting import VoteMaker, samples_of
from workers.evaluation.data.dataset import Dataset, stacked
from workers.evaluation.data.reading import read_dataset

FIRST = "float32 as it is"
VARIANTS: Mapping[str, Mapping[str, object]] = {
    FIRST: {"dtype": "float32", "folded": False},
    "float32 folded": {"dtype": "float32", "folded": True},
    "bfloat16 as it is": {"dtype": "bfloat16", "folded": False},
    "bfloat16 folded": {"dtype": "bfloat16", "folded": True},
}
ALLOWED_SHARE = 1 / 1000
PURPOSE = b"robustify dtype agreement"


def votes_of(settings: Settings, dataset: Dataset, sigma: float, samples: int) -> np.ndarray:
    """The class of each sample of each image (images, samples); the noise depends on the image alone."""
    profile, task = find_profile(settings.profile), Task(dataset.class_names)
    models = load_models(profile, settings)
    model = VoteMaker(profile, engine_digest(profile, settings), models, settings)
    rows = []
    for image in track(stacked(dataset), f"{settings.dtype}, {'folded' if settings.folded else 'as it is'}"):
        seed = public_seed(PURPOSE, hashlib.sha256(image.tobytes()).hexdigest())
        count = model.votes(task, sigma, samples_of(image, sigma, seed), Phase.ESTIMATE)
        rows.append(run(count, samples).votes)
    return np.stack(rows)


def agreement(found: Mapping[str, np.ndarray], classes: int) -> dict[str, dict[str, float]]:
    """Of each variant: the share of votes, and of images' top classes, that are those of the first."""
    expected = found[FIRST]
    tops = {name: np.array([top_class(row, classes) for row in votes]) for name, votes in found.items()}
    return {
        name: {
            "votes": float((votes == expected).mean()),
            "top_classes": float((tops[name] == tops[FIRST]).mean()),
        }
        for name, votes in found.items()
        if name != FIRST
    }


def top_class(votes: np.ndarray, classes: int) -> int:
    return int(np.bincount(votes[votes >= 0], minlength=classes).argmax())


def main(
    dataset: Path,
    split: Annotated[str | None, typer.Option()] = None,
    limit: int = 20,
    samples: Annotated[int, typer.Option(min=1)] = 100,
    sigma: float = 0.25,
    profile: str = "mini",
) -> None:
    chosen = find_profile(profile)
    images = read_dataset(dataset, split, chosen.side, limit, chosen.preprocessing)
    found = {
        name: votes_of(Settings.model_validate({"profile": profile, **changes}), images, sigma, samples)
        for name, changes in VARIANTS.items()
    }
    shares = agreement(found, len(images.class_names))
    passed = shares["float32 folded"]["votes"] >= 1 - ALLOWED_SHARE
    typer.echo(f"{len(images)} images, {samples} samples each, sigma {sigma:g}; against {FIRST}:\n")
    typer.echo("| | votes that agree | top classes that agree |\n|---|---|---|")
    for name, share in shares.items():
        typer.echo(f"| {name} | {share['votes']:.2%} | {share['top_classes']:.1%} |")
    about = {"profile": profile, "sigma": sigma, "images": len(images), "samples": samples}
    typer.echo(json.dumps({"study": "dtype_agreement", **about, "agreement": shares, "passed": passed}))
    if not passed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
