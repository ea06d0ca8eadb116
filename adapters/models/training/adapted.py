"""From a stored adaptation to the models that a task is answered with; they share all weights that did not change."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors.torch import load_file, save

from adapters.models.classifiers.clip import ClipModel, ZeroShotClassifier
from adapters.models.training.delta import read_delta
from adapters.models.training.learners import AdaptableDenoiser
from adapters.models.training.lora import merged_weights, read_lora
from adapters.store.adaptations import CLASSIFIER, LORA, PROMPT, StoredAdaptation
from robustify.errors import StoredTaskError
from robustify.types import Task

ROWS = "rows"
AnyAdaptable = TypeVar("AnyAdaptable", bound=AdaptableDenoiser)


@dataclass(frozen=True)
class AdaptedModels(Generic[AnyAdaptable]):
    """A denoiser and a classifier for a task, with weights of its own in place of some of the profile's."""

    denoiser: AnyAdaptable
    classifier: ZeroShotClassifier

    @property
    def extra_bytes(self) -> int:
        """What they hold in memory beside the profile's models."""
        denoiser, classifier = self.denoiser, self.classifier
        own = [*denoiser.overrides.values(), *classifier.clip.overrides.values()]
        tensors = [*own, denoiser.prompt_rows, classifier.text_features]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def adapt_models(
    denoiser: AnyAdaptable, clip: ClipModel, models: str, task: Task, stored: StoredAdaptation | None
) -> AdaptedModels[AnyAdaptable]:
    """The models of a task, as they are or as what is stored changes them.

    Raises StoredTaskError when the adaptation was made for other models than these, whose digest is `models`.
    """
    if stored is None:
        return AdaptedModels(denoiser, clip.zero_shot(task))
    if stored.models != models:
        raise StoredTaskError("this task was adapted to other models than those that are served: adapt it again")
    prompt, lora, classifier = (stored.file(name) for name in (PROMPT, LORA, CLASSIFIER))
    denoiser = with_denoiser_files(denoiser, prompt, lora)
    if classifier is not None:
        clip = with_classifier_file(clip, classifier)
    return AdaptedModels(denoiser, clip.zero_shot(task))


def with_denoiser_files(denoiser: AnyAdaptable, prompt: Path | None, lora: Path | None) -> AnyAdaptable:
    """The same denoiser, told another prompt if there is one and with the weights that a LoRA changes, if any."""
    # A copy: what `load_file` returns changes with the file.
    rows = load_file(prompt)[ROWS].to(denoiser.prompt_rows, copy=True) if prompt else denoiser.prompt_rows
    weights = merged_weights(denoiser.network, read_lora(lora)) if lora else {}
    return replace(denoiser, prompt_rows=rows, overrides=weights)


def with_classifier_file(clip: ClipModel, delta: Path) -> ClipModel:
    """The same CLIP with the weights that fine-tuning changed."""
    return clip.with_weights(read_delta(clip.model.state_dict(), delta))


def prompt_file(rows: torch.Tensor) -> bytes:
    """The rows (77, D) of a task's prompt, of PRXPixel (T, D), as they are stored."""
    content: bytes = save({ROWS: rows.float().cpu().contiguous()})
    return content
