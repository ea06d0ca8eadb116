"""Labelled images to evaluate on: a folder of sheets as in `../shared/data`, or a folder with one folder a class."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from adapters.images import canonicalise
from robustify.errors import InvalidInputError

SHEET_ROWS, SHEET_COLUMNS, SHEET_SIDE = 20, 25, 32
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@dataclass(frozen=True)
class Dataset:
    """Canonical tensors (N, 3, side, side) float32 in [0, 1], their labels, and the names that the labels index.

    `digest` names the whole split, of which these may be the first images.
    """

    images: np.ndarray
    labels: Sequence[int]
    class_names: tuple[str, ...]
    digest: str = ""

    def __len__(self) -> int:
        return len(self.labels)


def read_dataset(folder: Path, split: str | None, side: int, limit: int | None = None) -> Dataset:
    """The first `limit` images of a split; of class folders, a split is a folder."""
    if (folder / "labels.json").is_file():
        dataset = read_sheets(folder, split, side)
    else:
        dataset = read_class_folders(folder / split if split else folder, side)
    count = min(len(dataset), limit) if limit else len(dataset)
    digest = hashlib.sha256(dataset.images.tobytes() + bytes(str(list(dataset.labels)), "ascii")).hexdigest()
    return Dataset(dataset.images[:count], dataset.labels[:count], dataset.class_names, digest)


def read_sheets(folder: Path, split: str | None, side: int) -> Dataset:
    """Sheets of 500 images named after the split, 20 rows of 25, in the order of `labels.json`."""
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    splits = [name for name, value in labels.items() if name != "class_names" and value and isinstance(value[0], int)]
    if split not in splits:
        raise InvalidInputError(f"unknown split {split!r}: {folder.name} has {', '.join(splits)}", field="split")
    if side != SHEET_SIDE:
        raise InvalidInputError(f"sheets hold 32 x 32 images; this profile needs {side} x {side}", field="dataset")
    sheets = sorted(path for path in folder.glob(f"{split}*") if path.suffix in IMAGE_SUFFIXES)
    images = np.concatenate([read_sheet(path) for path in sheets]) if sheets else np.empty((0, 3, side, side))
    if len(images) < len(labels[split]):
        raise InvalidInputError(f"split {split} has {len(labels[split])} labels, {len(images)} images", field="split")
    return Dataset(images[: len(labels[split])], labels[split], tuple(labels["class_names"]))


def read_sheet(path: Path) -> np.ndarray:
    pixels = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255
    tiles = pixels.reshape(SHEET_ROWS, SHEET_SIDE, SHEET_COLUMNS, SHEET_SIDE, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(tiles.reshape(-1, 3, SHEET_SIDE, SHEET_SIDE))


def read_class_folders(folder: Path, side: int) -> Dataset:
    """Each sub-folder is a class; its name with `_` and `-` as spaces is the label."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    files = [
        (file, index)
        for index, path in enumerate(classes)
        for file in sorted(path.iterdir())
        if file.suffix.lower() in IMAGE_SUFFIXES
    ]
    if len(classes) < 2 or not files:
        raise InvalidInputError(
            "the dataset must be a folder with labels.json and sheets, or one with a folder of images for each class",
            field="dataset",
        )
    images = np.stack([canonicalise(file.read_bytes(), side).tensor for file, _ in files])
    names = tuple(path.name.replace("_", " ").replace("-", " ") for path in classes)
    return Dataset(images, [index for _, index in files], names)
