"""A denoiser that is one file, taken over as safetensors, and what only its tensors say."""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file
from spandrel import canonicalize_state_dict

from adapters.models.denoisers.restoration import check_images, is_told_sigma, recognised
from adapters.models.denoisers.tensor_files import read_tensors
from robustify.errors import ModelFilesError


def converted(origin: Path, target: Path) -> str:
    """Writes the tensors of a pickle, read as tensors alone, as safetensors; returns the sha256 of the pickle.

    Raises ModelFilesError for a file that holds anything else.
    """
    digest = sha256_of(origin)
    found = canonicalize_state_dict(read_tensors(origin, digest))
    tensors = {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if not tensors or len(tensors) < len(found):
        raise ModelFilesError(f"{origin.name} holds more than a model's tensors: save its state_dict() alone")
    # Copies, because tensors that share memory cannot be saved.
    save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, target)
    return digest


def is_told_noise(path: Path) -> bool:
    """Whether a restoration network wants sigma as a fourth channel. Raises ModelFilesError for no denoiser."""
    network = recognised(canonicalize_state_dict(read_tensors(path, None)))
    check_images(network)
    return is_told_sigma(network)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
