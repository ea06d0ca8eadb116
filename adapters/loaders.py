"""Loads the models of a profile's folder, with the libraries that they need."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from adapters.adaptation.adapted import AdaptedModels, adapt_models
from adapters.classifiers.clip import load_clip
from adapters.denoisers.diffusion import OneStepDenoiser, load_one_step_denoiser
from adapters.denoisers.folded.denoiser import DenoiserFolder, FoldedDenoiser
from adapters.denoisers.folded.folding import Folds
from adapters.denoisers.folded.support import UnknownPartError
from adapters.models import Models
from adapters.profiles import Profile
from adapters.resident import Resident
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from robustify.types import Task


@dataclass(frozen=True)
class ServedModels:
    """A task's models, and its denoiser in the form that answers."""

    adapted: AdaptedModels
    denoiser: OneStepDenoiser | FoldedDenoiser

    @property
    def extra_bytes(self) -> int:
        folded = self.denoiser.held_bytes if isinstance(self.denoiser, FoldedDenoiser) else 0
        return self.adapted.extra_bytes + folded


def load_folder(profile: Profile, folder: Path, settings: Settings) -> Models:
    """The models of a folder, for any task, and what was adapted to it."""
    device = torch.device(settings.device)
    dtype: torch.dtype = getattr(torch, settings.dtype)
    denoiser, serve = load_denoiser(folder, profile, settings)
    clip = load_clip(f"local-dir:{folder / 'clip'}", device, dtype)
    store, models = AdaptationStore(settings.adaptation_folder), profile.model_digest

    def load_task(task: Task) -> ServedModels:
        stored = store.get(task.adaptation) if task.adaptation else None
        adapted = adapt_models(denoiser, clip, models, task, stored)
        return ServedModels(adapted, serve(adapted.denoiser))

    resident = Resident(load_task, lambda task: task.extra_bytes, settings.max_task_bytes)
    return Models(lambda task: resident(task).denoiser, lambda task: resident(task).adapted.classifier, device)


def load_denoiser(
    folder: Path, profile: Profile, settings: Settings
) -> tuple[OneStepDenoiser, Callable[[OneStepDenoiser], OneStepDenoiser | FoldedDenoiser]]:
    """The profile's denoiser, and what makes the one that answers of it or of a task's.

    Weights are folded in float32 on the CPU, and the folded ones go to the device. A UNet with parts that cannot be
    folded answers as it is.
    """
    k = profile.correction_factor(settings)
    load = partial(load_one_step_denoiser, str(folder / "denoiser"), profile.prompt, k, settings.timestep_rule)
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    if settings.folded:
        pristine = load(torch.device("cpu"), torch.float32)
        try:
            return pristine, DenoiserFolder(pristine, device, dtype, Folds())
        except UnknownPartError as error:
            logging.getLogger(__name__).warning("the denoiser is served as it is: %s", error)
    return load(device, dtype), lambda denoiser: denoiser
