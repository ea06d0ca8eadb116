"""The reference images of an adaptation as files: made in batches, each kept as soon as it is made."""

import io
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from adapters.durable_files import write_durably
from adapters.images import USUAL, Preprocessing, canonicalise
from adapters.models.training.trainer import References
from adapters.store.adaptations import StoredReference
from robustify.adaptation.references import Reference
from robustify.interfaces import ImageGenerator

REFERENCE_NAME = re.compile(r"\d{4}-\d{3}\.png")
SHEET_GAP = 2
LEAST_TILE = 64
"""Smaller pictures are enlarged on a sheet, pixel by pixel."""


def file_name(reference: Reference) -> str:
    return f"{reference.label_index:04d}-{reference.shot:03d}.png"


def synthesize(
    load_generator: Callable[[], ImageGenerator],
    plan: Sequence[Reference],
    folder: Path,
    batch_size: int,
    on_images: Callable[[int], None],
) -> None:
    """Makes the images of the plan that are not in the folder yet, as PNG; tells how many there are between all steps.

    Batches are always the same: one of which an image is missing is made again, so that a run that was stopped ends
    with the same pictures, bit for bit. The generator is loaded when an image is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator: ImageGenerator | None = None
    for first in range(0, len(plan), batch_size):
        batch = plan[first : first + batch_size]
        paths = [folder / file_name(reference) for reference in batch]
        on_images(first)
        if not all(path.is_file() for path in paths):
            generators = [torch.Generator().manual_seed(reference.seed) for reference in batch]
            generator = generator or load_generator()
            images = generator([reference.prompt for reference in batch], generators, partial(on_images, first))
            for path, image in zip(paths, images, strict=True):
                write_durably(path, png_bytes(image))
    on_images(len(plan))


def write_pictures(images: torch.Tensor, plan: Sequence[Reference], folder: Path) -> None:
    """Images (N, 3, H, W) that are there already, as files for people, in the order of the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    for reference, image in zip(plan, images, strict=True):
        if not (path := folder / file_name(reference)).is_file():
            write_durably(path, png_bytes(image))


def read_references(
    folder: Path, plan: Sequence[Reference], side: int, preprocessing: Preprocessing = USUAL
) -> tuple[References, References]:
    """(those to adapt with, those that were held back), as canonical tensors of `side` pixels."""
    return (
        load(folder, [reference for reference in plan if not reference.held_back], side, preprocessing),
        load(folder, [reference for reference in plan if reference.held_back], side, preprocessing),
    )


def load(folder: Path, chosen: Sequence[Reference], side: int, preprocessing: Preprocessing) -> References:
    files = [(folder / file_name(reference)).read_bytes() for reference in chosen]
    tensors = [canonicalise(file, side, preprocessing).tensor for file in files]
    images = np.stack(tensors) if tensors else np.empty((0, 3, side, side), np.float32)
    labels = [reference.label_index for reference in chosen]
    return References(torch.from_numpy(images), torch.tensor(labels, dtype=torch.int64))


def describe(plan: Sequence[Reference], labels: Sequence[str]) -> list[StoredReference]:
    """What each image shows and how it was made."""
    return [
        StoredReference(
            file=file_name(reference),
            label=labels[reference.label_index],
            index=reference.label_index,
            shot=reference.shot,
            prompt=reference.prompt,
            seed=reference.seed,
            held_back=reference.held_back,
        )
        for reference in plan
    ]


def png_bytes(image: torch.Tensor) -> bytes:
    """An image (3, H, W) in [0, 1], rounded to 8 bits."""
    pixels = (image.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def contact_sheet(rows: Sequence[torch.Tensor]) -> bytes:
    """A PNG of rows of images, each (N, 3, H, W) in [0, 1]; small ones enlarged so that a person can see them."""
    factor = max(1, -(-LEAST_TILE // rows[0].shape[-1]))
    tiles = [row.detach().float().cpu().repeat_interleave(factor, 2).repeat_interleave(factor, 3) for row in rows]
    height, width = tiles[0].shape[-2:]
    longest = max(len(row) for row in tiles)
    sheet = torch.ones(3, len(tiles) * (height + SHEET_GAP) - SHEET_GAP, longest * (width + SHEET_GAP) - SHEET_GAP)
    for down, row in enumerate(tiles):
        for across, tile in enumerate(row):
            top, left = down * (height + SHEET_GAP), across * (width + SHEET_GAP)
            sheet[:, top : top + height, left : left + width] = tile
    return png_bytes(sheet)
