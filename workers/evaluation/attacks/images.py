"""Adversarial images on disk: exact as float32 in `.npy`, and rounded to 8 bits in `.png` for people to look at."""

import hashlib
import io
from pathlib import Path

import numpy as np

from adapters.durable_files import write_whole
from robustify.errors import RobustifyError
from workers.evaluation.attacks.rows import AttackRow
from workers.evaluation.rows import png_of

IMAGES = "images"


def digest_of(image: np.ndarray) -> str:
    """sha256 of a tensor's bytes, float32 in C order."""
    return hashlib.sha256(np.ascontiguousarray(image, dtype=np.float32).tobytes()).hexdigest()


def keep(folder: Path, index: int, image: np.ndarray) -> None:
    """Both files of an image (3, H, W), each whole or not there."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(image, dtype=np.float32), allow_pickle=False)
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    write_whole(kept_at(folder, index), buffer.getvalue())
    write_whole(kept_at(folder, index).with_suffix(".png"), png_of(image))


def read_kept(folder: Path, row: AttackRow) -> np.ndarray:
    """The image of a row, (3, H, W). Raises RobustifyError where it is missing or another."""
    path = kept_at(folder, row.index)
    try:
        image: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RobustifyError(f"the image of row {row.index} is missing or damaged: run the attack again") from error
    if digest_of(image) != row.image_sha256:
        raise RobustifyError(f"the image of row {row.index} is not the one that its row names: run the attack again")
    return image


def kept_at(folder: Path, index: int) -> Path:
    return folder / IMAGES / f"{index:06}.npy"
