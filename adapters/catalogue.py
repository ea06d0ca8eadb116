"""From the name of a profile to its loaded models; the one place to add a model."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from adapters.classifiers.clip import load_clip
from adapters.denoisers.diffusion import load_one_step_denoiser
from adapters.oracles import CoinOracle, LinearOracle
from adapters.profiles import Profile
from adapters.settings import Settings
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.interfaces import Classifier, Denoiser
from robustify.pipeline import DenoiseAndClassify, identity_denoiser
from robustify.types import Task

RESIDENT_TASKS = 16


@dataclass(frozen=True)
class Models:
    """A profile's models, resident: one denoiser, and a classifier for each task that is asked for."""

    denoiser: Denoiser
    classifier_for: Callable[[Task], Classifier]
    device: torch.device

    def base_classifier(self, task: Task, sigma: float) -> DenoiseAndClassify:
        """f of Eq. 4 for one task and sigma."""
        return DenoiseAndClassify(self.denoiser, self.classifier_for(task), sigma)


def load_models(profile: Profile, settings: Settings) -> Models:
    """Check the files against the manifest, then load them on the device and in the dtype of the settings."""
    device = torch.device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 in the fingerprint means float32.
    if profile.folder is None:
        return load_oracle(profile, device)
    silence_vendors()
    verify_manifest(profile.folder)
    dtype: torch.dtype = getattr(torch, settings.dtype)
    k = profile.correction_factor(settings)
    denoiser = load_one_step_denoiser(
        str(profile.folder / "denoiser"), profile.prompt, k, settings.timestep_rule, device, dtype
    )
    clip = load_clip(f"local-dir:{profile.folder / 'clip'}", device, dtype)
    return Models(denoiser, lru_cache(maxsize=RESIDENT_TASKS)(clip.zero_shot), device)


def load_oracle(profile: Profile, device: torch.device) -> Models:
    classifier: Classifier = LinearOracle(device) if profile.name == "oracle-linear" else CoinOracle()
    return Models(identity_denoiser, partial(two_classes, classifier), device)


def two_classes(classifier: Classifier, task: Task) -> Classifier:
    if len(task.labels) != 2:
        raise InvalidInputError("an oracle tells exactly two labels apart", field="labels")
    return classifier


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
    transformers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
