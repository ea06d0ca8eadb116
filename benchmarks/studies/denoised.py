"""What the denoiser makes of noisy pictures for several k of Eq. 8, as one sheet: Fig. 3 and Fig. 7 of the paper.

    python -m benchmarks.studies.denoised ../shared/data/cifar10 --split test_500 --output docs/results/figure_3.png

A row is a picture at one sigma: the picture, the same with noise, and what is left of the noise for k = 0, .5, 1, 1.4,
1.8 and 2.4. All columns of a row have the same noise. How k changes accuracy is in docs/results/k_sweep.md (Fig. 4,
Table 5). Cost: some seconds. The last line is JSON, with the root mean square distance to the picture for each k.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image, ImageDraw

from adapters.models.catalogue import load_models
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from benchmarks.studies.k_sweep import KS, SIGMAS
from robustify.smoothing.seeds import public_seed
from robustify.types import DEFAULT_TEMPLATE, Phase, Task
from workers.counting import samples_of
from workers.evaluation.attacks.images import digest_of
from workers.evaluation.data.dataset import Dataset, usable
from workers.evaluation.data.reading import read_dataset

PURPOSE = b"figure 3"
SIDE, GAP, HEAD = 80, 4, 18
"""Pixels of a picture, between pictures, and of the line of names on top."""
COLOURS = 200
"""Of the sheet's palette: noise takes many bytes."""


def denoised(data: Dataset, settings: Settings, sigma: float) -> list[np.ndarray]:
    """For each k, all pictures (N, 3, H, W) as the denoiser gives them."""
    noisy, task = noisy_of(data, sigma), Task(data.class_names, DEFAULT_TEMPLATE)
    found = []
    for k in KS:
        at_k = settings.model_copy(update={"k": k})
        models = load_models(served_profile(at_k), at_k)
        with torch.inference_mode():
            found.append(models.denoiser_for(task)(torch.from_numpy(noisy).to(models.device), sigma).cpu().numpy())
    return found


def noisy_of(data: Dataset, sigma: float) -> np.ndarray:
    """(N, 3, H, W) one noisy copy of each picture."""
    images = [usable(data.sample(index)) for index in range(len(data))]
    seeds = [public_seed(PURPOSE, digest_of(image)) for image in images]
    copies = [samples_of(image, sigma, seed)(Phase.PREDICT, 0, 1) for image, seed in zip(images, seeds, strict=True)]
    return np.concatenate(copies)


def columns(data: Dataset, settings: Settings, sigma: float) -> list[np.ndarray]:
    """The picture, the noisy one, and one for each k."""
    clean = np.stack([usable(data.sample(index)) for index in range(len(data))])
    return [clean, noisy_of(data, sigma), *denoised(data, settings, sigma)]


def sheet(bands: Sequence[Sequence[np.ndarray]]) -> Image.Image:
    """Bands of columns of pictures (N, 3, H, W), one band under the other."""
    names = ["picture", "noisy", *(f"k = {k:g}" for k in KS)]
    rows = [list(row) for band in bands for row in zip(*band, strict=True)]
    size = (len(names) * (SIDE + GAP), HEAD + len(rows) * (SIDE + GAP))
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for column, name in enumerate(names):
        draw.text((column * (SIDE + GAP) + 4, 3), name, "black")
    for line, row in enumerate(rows):
        for column, picture in enumerate(row):
            image.paste(enlarged(picture), (column * (SIDE + GAP), HEAD + line * (SIDE + GAP)))
    return image.quantize(COLOURS)


def enlarged(picture: np.ndarray) -> Image.Image:
    """(3, H, W) in [0, 1], or around it."""
    pixels = (picture.transpose(1, 2, 0).clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def distances(band: Sequence[np.ndarray]) -> dict[str, float]:
    """Root mean square distance to the picture, for each k."""
    clean, _, *found = band
    return {f"{k:g}": float(np.sqrt(np.mean((one - clean) ** 2))) for k, one in zip(KS, found, strict=True)}


def main(
    dataset: Path,
    split: Annotated[str, typer.Option()],
    output: Annotated[Path, typer.Option(help="File of the sheet, a PNG.")],
    profile: str = "mini",
    images: int = 4,
) -> None:
    settings = Settings(profile=profile)
    served = served_profile(settings)
    data = read_dataset(dataset, split, served.side, images, served.preprocessing)
    bands = {sigma: columns(data, settings, sigma) for sigma in SIGMAS}
    output.parent.mkdir(parents=True, exist_ok=True)
    sheet(list(bands.values())).save(output, optimize=True)
    typer.echo(json.dumps({"study": "denoised", "rms": {f"{sigma:g}": distances(one) for sigma, one in bands.items()}}))


if __name__ == "__main__":
    typer.run(main)
