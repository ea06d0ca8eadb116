"""A profile's models in memory, whatever they are."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from robustify.interfaces import Classifier, Denoiser
from robustify.pipeline import DenoiseAndClassify
from robustify.types import Task


@dataclass(frozen=True)
class Models:
    """A profile's models, resident: a denoiser and a classifier for each task that is asked for."""

    denoiser_for: Callable[[Task], Denoiser]
    classifier_for: Callable[[Task], Classifier]
    device: torch.device

    def base_classifier(self, task: Task, sigma: float) -> DenoiseAndClassify:
        """f of Eq. 4 for one task and sigma."""
        return DenoiseAndClassify(self.denoiser_for(task), self.classifier_for(task), sigma)
