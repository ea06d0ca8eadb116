"""From the kinds that a profile names to its models: what a task has of its own, and what all tasks share."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Generic

import torch

from adapters.models.classifiers.clip import ClipModel
from adapters.models.denoisers.diffusion import OneStepDenoiser, load_one_step_denoiser
from adapters.models.denoisers.folded.denoiser import DenoiserFolder, FoldedDenoiser
from adapters.models.denoisers.folded.folding import Folds
from adapters.models.denoisers.folded.support import UnknownPartError
from adapters.models.denoisers.graphs import CudaGraphs, Launching, one_by_one
from adapters.models.denoisers.prompts import prompt_embedder
from adapters.models.denoisers.prx_pixel.denoiser import PRXPixelDenoiser, load_prx_pixel
from adapters.models.denoisers.prx_pixel.folding import FoldedPRXPixel, PRXPixelFolder
from adapters.models.kinds import CLASSIFIERS, DENOISERS, AnyClassifier
from adapters.models.loaded import Models, Placement
from adapters.models.lru_cache import LruCache
from adapters.models.memory import give_back_memory
from adapters.models.training.adapted import AdaptedModels, AnyAdaptable, adapt_models
from adapters.models.training.learners import AdaptableDenoiser
from adapters.profiles.options.prx_pixel import PRXPixelOptions
from adapters.profiles.profile import PRX_PIXEL, SUPER_RESOLUTION
from adapters.store.places import places_of
from robustify.errors import ModelError
from robustify.interfaces import Classifier, Denoiser
from robustify.types import Task

KEPT_CLASSIFIERS = 64
"""Of tasks without anything of their own but the choice of classes, or the features of their labels."""

Folded = FoldedDenoiser | FoldedPRXPixel
ServedDenoiser = AdaptableDenoiser | Folded
Serve = Callable[[AnyAdaptable], ServedDenoiser]
"""From a denoiser, or the same with what a task has of its own, to the one that answers."""


@dataclass(frozen=True)
class ServedModels(Generic[AnyAdaptable]):
    """A task's models, and its denoiser in the form that answers."""

    adapted: AdaptedModels[AnyAdaptable]
    denoiser: ServedDenoiser

    @property
    def extra_bytes(self) -> int:
        folded = self.denoiser.held_bytes if isinstance(self.denoiser, Folded) else 0
        return self.adapted.extra_bytes + folded


def load_profile(placement: Placement) -> Models:
    """The models of a profile, for any task."""
    classifier = CLASSIFIERS[placement.profile.classifier](placement)
    if placement.profile.denoiser == SUPER_RESOLUTION:
        return models_of(*load_super_resolution(placement), classifier, placement)
    if placement.profile.denoiser == PRX_PIXEL:
        return models_of(*load_prx_pixel_to_fold(placement), classifier, placement)
    return unadapted_models(DENOISERS[placement.profile.denoiser](placement), classifier, placement)


def models_of(
    denoiser: AnyAdaptable, serve: Serve[AnyAdaptable], classifier: AnyClassifier, placement: Placement
) -> Models:
    """Of a denoiser that can be adapted, where the classifier can be too."""
    if isinstance(classifier, ClipModel):
        return adaptable_models(denoiser, serve, classifier, placement)
    return unadapted_models(serve(denoiser), classifier, placement)


def unadapted_models(denoiser: Denoiser, classifier: AnyClassifier, placement: Placement) -> Models:
    """Models of which a task has nothing but its labels."""

    @lru_cache(KEPT_CLASSIFIERS)
    def classifier_for(task: Task) -> Classifier:
        return classifier.zero_shot(task) if isinstance(classifier, ClipModel) else classifier.for_task(task)

    return Models(lambda task: denoiser, classifier_for, placement.device)


def adaptable_models(
    denoiser: AnyAdaptable, serve: Serve[AnyAdaptable], clip: ClipModel, placement: Placement
) -> Models:
    """Models that a task may have weights of its own for."""
    store, models = places_of(placement.settings).adaptations, placement.profile.model_digest

    def load_task(task: Task) -> ServedModels[AnyAdaptable]:
        stored = store.get(task.adaptation) if task.adaptation else None
        adapted = adapt_models(denoiser, clip, models, task, stored)
        return ServedModels(adapted, serve(adapted.denoiser))

    room = placement.settings.max_task_bytes
    resident = LruCache(load_task, lambda task: task.extra_bytes, room, give_back_memory)
    return Models(
        lambda task: resident(task).denoiser, lambda task: resident(task).adapted.classifier, placement.device
    )


def load_prx_pixel_to_fold(placement: Placement) -> tuple[PRXPixelDenoiser, Serve[PRXPixelDenoiser]]:
    """The same of PRXPixel, folded in the number format of the settings: its weights in float32 are 28 GB."""
    options, prompt = placement.denoiser_options(PRXPixelOptions), placement.profile.prompt
    load = partial(load_prx_pixel, placement.denoiser, prompt, options, dtype=placement.dtype)
    if placement.settings.folded:
        pristine = load(device=torch.device("cpu"))
        return pristine, PRXPixelFolder(pristine, placement.device, placement.dtype, launching_of(placement))
    return load(device=placement.device), lambda denoiser: denoiser


def load_super_resolution(placement: Placement) -> tuple[OneStepDenoiser, Serve[OneStepDenoiser]]:
    """The profile's denoiser, and what makes the one that answers of it or of a task's.

    Weights are folded in float32 on the CPU, and the folded ones go to the device. A UNet with parts that cannot be
    folded answers as it is.
    """
    profile, settings = placement.profile, placement.settings
    source, k = str(placement.folder / "denoiser"), profile.correction_factor(settings)
    embed = prompt_embedder(profile, settings)
    load = partial(load_one_step_denoiser, source, profile.prompt, k, settings.timestep_rule, embed=embed)
    if settings.folded:
        pristine = load(device=torch.device("cpu"), dtype=torch.float32)
        try:
            launching = launching_of(placement)
            return pristine, DenoiserFolder(pristine, placement.device, placement.dtype, Folds(), launching)
        except UnknownPartError as error:
            if profile.has_graphs(settings):
                raise ModelError(f"ROBUSTIFY_CUDA_GRAPHS needs a denoiser that is folded: {error}") from error
            logging.getLogger(__name__).warning("the denoiser is served as it is: %s", error)
    return load(device=placement.device, dtype=placement.dtype), lambda denoiser: denoiser


def launching_of(placement: Placement) -> Launching:
    """As the settings say; graphs are of the one shape that batches of votes have."""
    profile, settings = placement.profile, placement.settings
    if not profile.has_graphs(settings):
        return one_by_one
    return CudaGraphs((profile.samples_per_batch(settings), 3, profile.side, profile.side), placement.device)
