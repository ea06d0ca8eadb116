"""From the name of a profile to its loaded models; the one place to add a model.

Model libraries are imported when a model is loaded: they take seconds, and an oracle needs none of them.
"""

import hashlib
import json
from pathlib import Path

import torch

from adapters.allocation import keep_freed_memory
from adapters.models import Models
from adapters.oracles import oracle_models
from adapters.profiles import Profile
from adapters.settings import Settings
from robustify.errors import ModelFilesError


def load_models(profile: Profile, settings: Settings) -> Models:
    """Check the files against the manifest, then load them on the device and in the dtype of the settings."""
    set_up(profile, settings)
    if profile.folder is None:
        return oracle_models(profile, torch.device(settings.device))
    from adapters.loaders import load_folder

    return load_folder(profile, profile.folder, settings)


def set_up(profile: Profile, settings: Settings) -> None:
    """Makes this process ready for models that are loaded next: threads, float32, quiet vendors, checked files."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 in the fingerprint means float32.
    keep_freed_memory()
    if profile.folder is not None:
        silence_vendors()
        verify_manifest(profile.folder)


def verify_manifest(folder: Path) -> None:
    """Every file of `manifest.json` ({name: sha256}) must be there, unchanged, and no other beside them.

    A loader that finds an index or a tokenizer file that is not listed may load other weights than those checked.
    """
    manifest: dict[str, str] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for model in {name.partition("/")[0] for name in manifest}:
        for path in (folder / model).rglob("*"):
            if path.is_file() and path.relative_to(folder).as_posix() not in manifest:
                raise ModelFilesError(f"model file {path.relative_to(folder)} is not in the manifest: remove it")
    for name, digest in manifest.items():
        path = folder / name
        if not path.is_file():
            raise ModelFilesError(f"model file {name} is missing: restore the weights")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise ModelFilesError(f"model file {name} is not the one of the manifest: restore the weights")


def silence_vendors() -> None:
    """Loading progress and hints of the model libraries are not for our users."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    diffusers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
