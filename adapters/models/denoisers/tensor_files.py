"""A file of tensors from elsewhere: safetensors, or a pickle of a known sha256, read as tensors alone."""

import hashlib
import logging
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from robustify.errors import ModelFilesError

SAFE = ".safetensors"


def read_tensors(path: Path, sha256: str | None) -> dict[str, object]:
    """What the file holds, on the CPU: names and tensors, perhaps within mappings of a training's checkpoint.

    Raises ModelFilesError when the file is missing, another one, or a pickle of which no sha256 is given.
    """
    if not path.is_file():
        raise ModelFilesError(f"the denoiser's file {path.name} is missing: put it into the profile's folder")
    if sha256 is not None:
        check_digest(path, sha256)
    try:
        if path.suffix == SAFE:
            return dict(load_file(path))
        return unpickled(path, sha256)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ModelFilesError(
            f"the denoiser's file {path.name} is damaged, or holds more than tensors: convert it to safetensors"
        ) from error


def check_digest(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ModelFilesError(f"the denoiser's file {path.name} has another sha256 than the profile says")


def unpickled(path: Path, sha256: str | None) -> dict[str, object]:
    """torch's reader for weights alone runs no code of the file; the digest says that it is the file that was meant."""
    if sha256 is None:
        raise ModelFilesError(f"the denoiser's file {path.name} is a pickle: give its sha256, or bring safetensors")
    logging.getLogger(__name__).warning(
        "the denoiser's file %s (sha256 %s) is a pickle, read as tensors alone: safetensors are better",
        path.name,
        sha256,
    )
    found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict):
        raise ModelFilesError(f"the denoiser's file {path.name} holds no state dict: save the model's state_dict()")
    return found
