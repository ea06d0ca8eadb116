"""Fashion-MNIST as the task that `mini` never saw: grey pictures of 28 x 28 pixels on black, made 32 x 32 and RGB.

    python -m adapters.embedded.recipe.fashion_mnist FILES --output FOLDER

FILES is a folder with the data set's own four files (Debian: `dataset-fashion-mnist`, MIT). FOLDER gets sheets as in
`../shared/data`: `test_500`, every 20th test image, for final figures alone, and `held_back_500`, every 10th of the
train images that nothing is trained on, for choices.
"""

import gzip
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from torch import nn

from adapters.embedded.recipe.data import SHEET_COLUMNS, SHEET_ROWS, SIDE, LabelledImages
from adapters.embedded.recipe.names import FASHION_MNIST_SYNONYMS

CLASS_NAMES = tuple(FASHION_MNIST_SYNONYMS)
HELD_BACK = 5000
"""The last train images."""
SHEET_IMAGES = SHEET_ROWS * SHEET_COLUMNS
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049


def read_fashion_mnist(folder: Path, *, held_back: bool = False) -> LabelledImages:
    """The train split without the held-back images, or only those."""
    whole = read_split(folder, "train")
    chosen = slice(-HELD_BACK, None) if held_back else slice(0, -HELD_BACK)
    return LabelledImages(whole.images[chosen], whole.labels[chosen], CLASS_NAMES)


def read_split(folder: Path, name: str) -> LabelledImages:
    """`name`: train or t10k, as the files are called."""
    pixels = read_idx(folder / f"{name}-images-idx3-ubyte.gz", IMAGES_MAGIC)
    labels = read_idx(folder / f"{name}-labels-idx1-ubyte.gz", LABELS_MAGIC)
    return LabelledImages(padded(torch.from_numpy(pixels)), torch.from_numpy(labels).long(), CLASS_NAMES)


def read_idx(path: Path, magic: int) -> np.ndarray:
    """The array of an IDX file of bytes: a magic number, the length of each axis, the values."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    found, *shape = np.frombuffer(content, ">u4", 1 + axes).tolist()
    if found != magic:
        raise ValueError(f"{path.name} is no IDX file of the expected kind: take the data set's own files")
    return np.frombuffer(content, np.uint8, offset=4 * (1 + axes)).reshape(shape).copy()


def padded(pixels: torch.Tensor) -> torch.Tensor:
    """Grey (N, 28, 28) on black to (N, 3, 32, 32): a black margin, three equal channels."""
    margin = (SIDE - pixels.shape[-1]) // 2
    framed = nn.functional.pad(pixels, (margin,) * 4)
    return framed.unsqueeze(1).expand(-1, 3, -1, -1).contiguous()


def every(images: LabelledImages, count: int) -> LabelledImages:
    """`count` of them at even distances."""
    step = len(images) // count
    return LabelledImages(images.images[::step][:count], images.labels[::step][:count], images.class_names)


def sheet(images: torch.Tensor) -> Image.Image:
    """500 images (500, 3, 32, 32) as one picture, 20 rows of 25."""
    tiles = images.view(SHEET_ROWS, SHEET_COLUMNS, 3, SIDE, SIDE).permute(0, 3, 1, 4, 2)
    return Image.fromarray(tiles.reshape(SHEET_ROWS * SIDE, SHEET_COLUMNS * SIDE, 3).numpy())


def main(
    files: Path, output: Annotated[Path, typer.Option(help="Folder of the sheets, which `evaluate` reads.")]
) -> None:
    splits = {
        "test_500": every(read_split(files, "t10k"), SHEET_IMAGES),
        "held_back_500": every(read_fashion_mnist(files, held_back=True), SHEET_IMAGES),
    }
    output.mkdir(parents=True, exist_ok=True)
    labels: dict[str, list[object]] = {"class_names": [*CLASS_NAMES]}
    for name, images in splits.items():
        sheet(images.images).save(output / f"{name}.png")
        labels[name] = images.labels.tolist()
    (output / "labels.json").write_text(json.dumps(labels), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
