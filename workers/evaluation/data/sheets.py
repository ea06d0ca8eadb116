"""Sheets of 500 images of 32 x 32 pixels, 20 rows of 25, named after their split, in the order of `labels.json`.

A sheet is decoded when the first of its tiles is asked for, and the last one is kept: 1.5 MB.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from adapters.images import Preprocessing
from robustify.errors import InvalidInputError, RobustifyError, UnreadableImageError
from workers.evaluation.data.dataset import DataReport, Sample
from workers.evaluation.data.images import absent_classes
from workers.evaluation.data.order import chosen

SHEET_ROWS, SHEET_COLUMNS, SHEET_SIDE = 20, 25, 32
SHEET_IMAGES = SHEET_ROWS * SHEET_COLUMNS
SHEET_SHAPE = (SHEET_ROWS * SHEET_SIDE, SHEET_COLUMNS * SHEET_SIDE, 3)
SHEET_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
CLASS_NAMES = "class_names"


@dataclass(frozen=True)
class SheetLabels:
    """What a `labels.json` of sheets says: names, and for each split the class of each image."""

    class_names: tuple[str, ...]
    splits: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Sheets:
    """The chosen tiles of the sheets, in the order of the labels."""

    sheets: tuple[Path, ...]
    class_names: tuple[str, ...]
    all_labels: tuple[int, ...]
    positions: tuple[int, ...]

    @cached_property
    def labels(self) -> Sequence[int]:
        return tuple(self.all_labels[position] for position in self.positions)

    @cached_property
    def digest(self) -> str:
        """Of all images: their pixels as float32, and their labels. Of some: the sheets' names and sizes instead."""
        if len(self.positions) < len(self.all_labels):
            sizes = [(sheet.name, sheet.stat().st_size) for sheet in self.sheets]
            return hashlib.sha256(repr((sizes, self.positions, self.labels)).encode()).hexdigest()
        found = hashlib.sha256()
        for number, sheet in enumerate(self.sheets):
            found.update(named_by(sheet, max(0, len(self.all_labels) - number * SHEET_IMAGES)))
        found.update(bytes(str(list(self.all_labels)), "ascii"))
        return found.hexdigest()

    @property
    def report(self) -> DataReport:
        absent = absent_classes(self.class_names, self.labels)
        return DataReport(len(self.positions), len(self.all_labels), layout="sheets", notes=absent)

    def __len__(self) -> int:
        return len(self.positions)

    def sample(self, index: int) -> Sample:
        position = self.positions[index]
        sheet = self.sheets[position // SHEET_IMAGES]
        label, name = self.all_labels[position], f"{sheet.name}#{position % SHEET_IMAGES}"
        try:
            tensor = as_floats(last_sheet(sheet)[position % SHEET_IMAGES])
        except UnreadableImageError as error:
            return Sample(index, None, label, name, "", str(error))
        return Sample(index, tensor, label, name, hashlib.sha256(tensor.tobytes()).hexdigest())


def read_sheets(folder: Path, split: str | None, side: int, limit: int | None, preprocessing: Preprocessing) -> Sheets:
    """Raises InvalidInputError for a split that is not there, and for a profile that needs other pictures."""
    found = read_labels(folder / "labels.json")
    if split is None or split not in found.splits:
        there = ", ".join(found.splits)
        raise InvalidInputError(f"unknown split {split!r}: {folder.name} has {there}", field="split")
    check_profile(side, preprocessing)
    sheets = tuple(sorted(path for path in folder.glob(f"{split}*") if path.suffix in SHEET_SUFFIXES))
    labels = found.splits[split]
    if len(sheets) * SHEET_IMAGES < len(labels):
        images = len(sheets) * SHEET_IMAGES
        raise InvalidInputError(f"split {split} has {len(labels)} labels, {images} images", field="split")
    return Sheets(sheets, found.class_names, labels, chosen(labels, limit, takes_turns=False))


def is_of_sheets(folder: Path) -> bool:
    """Whether its `labels.json` is one of sheets; programs of all kinds write files of this name."""
    try:
        return bool(read_labels(folder / "labels.json").splits)
    except (OSError, RobustifyError):
        return False


def named_by(sheet: Path, images: int) -> bytes:
    """What a digest is over: the pixels of its first images, or its size where it is damaged."""
    try:
        return as_floats(read_sheet(sheet)[:images]).tobytes()
    except UnreadableImageError:
        return repr((sheet.name, sheet.stat().st_size)).encode()


def check_profile(side: int, preprocessing: Preprocessing) -> None:
    if side != SHEET_SIDE:
        raise InvalidInputError(f"sheets hold 32 x 32 images; this profile needs {side} x {side}", field="dataset")
    if not preprocessing.mode.keeps_squares:
        raise InvalidInputError(
            f"sheets are read as they are; preprocessing {preprocessing.mode} cuts pictures: give a folder of images",
            field="dataset",
        )


def read_labels(path: Path) -> SheetLabels:
    """Raises RobustifyError for what is no such file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RobustifyError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get(CLASS_NAMES), list):
        raise RobustifyError(f"{path} has no {CLASS_NAMES}")
    names = tuple(document.pop(CLASS_NAMES))
    return SheetLabels(names, {name: tuple(value) for name, value in document.items() if is_labels(value)})


def is_labels(value: object) -> bool:
    """Other lists, as of WordNet ids, may stand beside the splits."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], int)


@lru_cache(maxsize=1)
def last_sheet(path: Path) -> np.ndarray:
    """As `read_sheet`; tiles are mostly asked for in their order. Raises UnreadableImageError."""
    return read_sheet(path)


def read_sheet(path: Path) -> np.ndarray:
    """(500, 3, 32, 32) uint8. Raises UnreadableImageError."""
    try:
        with Image.open(path) as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
    except Exception:
        # Decoders raise errors of many kinds for damaged bytes.
        raise UnreadableImageError(
            f"{path.name} cannot be read as an image: it is damaged, or of another kind"
        ) from None
    if pixels.shape != SHEET_SHAPE:
        height, width, _ = SHEET_SHAPE
        raise UnreadableImageError(f"{path.name} is not a sheet: it must be {width} x {height} pixels")
    tiles = pixels.reshape(SHEET_ROWS, SHEET_SIDE, SHEET_COLUMNS, SHEET_SIDE, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(tiles.reshape(-1, 3, SHEET_SIDE, SHEET_SIDE))


def as_floats(pixels: np.ndarray) -> np.ndarray:
    """Levels as float32 in [0, 1]."""
    floats: np.ndarray = pixels.astype(np.float32) / 255
    return floats
