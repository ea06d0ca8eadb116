"""Labelled images to evaluate on: a folder of sheets as in `../shared/data`, or a folder with one folder a class.

The order of the images is fixed: that of `labels.json`, or the first image of each class folder, then the second of
each, and so on. So the first images of class folders are of all classes alike, however many one takes.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adapters.images import USUAL, Preprocessing, canonicalise
from robustify.errors import InvalidInputError, RobustifyError, UnreadableImageError

SHEET_ROWS, SHEET_COLUMNS, SHEET_SIDE = 20, 25, 32
SHEET_SHAPE = (SHEET_ROWS * SHEET_SIDE, SHEET_COLUMNS * SHEET_SIDE, 3)
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


def read_dataset(
    folder: Path, split: str | None, side: int, limit: int | None = None, preprocessing: Preprocessing = USUAL
) -> Dataset:
    """The first `limit` images of a split; of class folders, a split is a folder.

    Raises RobustifyError with the name of a file that cannot be read.
    """
    if (folder / "labels.json").is_file():
        dataset = read_sheets(folder, split, side, preprocessing)
    else:
        dataset = read_class_folders(folder / split if split else folder, side, preprocessing)
    count = min(len(dataset), limit) if limit else len(dataset)
    digest = hashlib.sha256(dataset.images.tobytes() + bytes(str(list(dataset.labels)), "ascii")).hexdigest()
    return Dataset(dataset.images[:count], dataset.labels[:count], dataset.class_names, digest)


def relabelled(dataset: Dataset, labels: tuple[str, ...]) -> Dataset:
    """The same images with the indices of other labels: the data set's own names in another order."""
    if sorted(labels) != sorted(dataset.class_names):
        raise InvalidInputError("the task has other labels than the data set", field="task")
    indices = [labels.index(name) for name in dataset.class_names]
    return replace(dataset, labels=[indices[label] for label in dataset.labels], class_names=labels)


def read_sheets(folder: Path, split: str | None, side: int, preprocessing: Preprocessing) -> Dataset:
    """Sheets of 500 images named after the split, 20 rows of 25, in the order of `labels.json`."""
    labels = read_labels(folder / "labels.json")
    splits = [name for name, value in labels.items() if name != "class_names" and value and isinstance(value[0], int)]
    if split not in splits:
        raise InvalidInputError(f"unknown split {split!r}: {folder.name} has {', '.join(splits)}", field="split")
    if side != SHEET_SIDE:
        raise InvalidInputError(f"sheets hold 32 x 32 images; this profile needs {side} x {side}", field="dataset")
    if not preprocessing.mode.keeps_squares:
        raise InvalidInputError(
            f"sheets are read as they are; preprocessing {preprocessing.mode} cuts pictures: give a folder of images",
            field="dataset",
        )
    sheets = sorted(path for path in folder.glob(f"{split}*") if path.suffix in IMAGE_SUFFIXES)
    images = np.concatenate([read_sheet(path) for path in sheets]) if sheets else np.empty((0, 3, side, side))
    if len(images) < len(labels[split]):
        raise InvalidInputError(f"split {split} has {len(labels[split])} labels, {len(images)} images", field="split")
    return Dataset(images[: len(labels[split])], labels[split], tuple(labels["class_names"]))


def read_labels(path: Path) -> dict[str, list[Any]]:  # Any: names of one, numbers of the others.
    """`class_names`, and for each split the class of each image."""
    try:
        labels: dict[str, list[Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RobustifyError(f"{path} is not JSON: {error}") from error
    if not isinstance(labels, dict) or "class_names" not in labels:
        raise RobustifyError(f"{path} has no class_names")
    return labels


def read_sheet(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as sheet:
            pixels = np.asarray(sheet.convert("RGB"), dtype=np.float32) / 255
    except Exception as error:
        # Decoders raise errors of many kinds for damaged bytes.
        raise RobustifyError(f"{path} cannot be read as an image: it is damaged, or of another kind") from error
    if pixels.shape != SHEET_SHAPE:
        height, width, _ = SHEET_SHAPE
        raise RobustifyError(f"{path} is not a sheet: it must be {width} x {height} pixels")
    tiles = pixels.reshape(SHEET_ROWS, SHEET_SIDE, SHEET_COLUMNS, SHEET_SIDE, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(tiles.reshape(-1, 3, SHEET_SIDE, SHEET_SIDE))


def read_class_folders(folder: Path, side: int, preprocessing: Preprocessing) -> Dataset:
    """Each sub-folder is a class; its name with `_` and `-` as spaces is the label."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    files = [
        (rank, index, file)
        for index, path in enumerate(classes)
        for rank, file in enumerate(sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES))
    ]
    if len(classes) < 2 or not files:
        raise InvalidInputError(
            "the dataset must be a folder with labels.json and sheets, or one with a folder of images for each class",
            field="dataset",
        )
    files.sort()  # By rank, then by class: every class has its turn.
    images = np.stack([read_image(file, side, preprocessing) for _, _, file in files])
    names = tuple(path.name.replace("_", " ").replace("-", " ") for path in classes)
    return Dataset(images, [index for _, index, _ in files], names)


def read_image(path: Path, side: int, preprocessing: Preprocessing) -> np.ndarray:
    """The canonical tensor of a file."""
    try:
        return canonicalise(path.read_bytes(), side, preprocessing).tensor
    except UnreadableImageError as error:
        raise RobustifyError(f"{path} cannot be used: {error}") from error
