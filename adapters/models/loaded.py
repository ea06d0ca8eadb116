"""A profile's models in memory, whatever they are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel

from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import ModelFilesError
from robustify.interfaces import Classifier, Denoiser
from robustify.pipeline import DenoiseAndClassify
from robustify.types import Task

Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True)
class Models:
    """A profile's models, resident: a denoiser and a classifier for each task that is asked for."""

    denoiser_for: Callable[[Task], Denoiser]
    classifier_for: Callable[[Task], Classifier]
    device: torch.device

    def base_classifier(self, task: Task, sigma: float) -> DenoiseAndClassify:
        """f of Eq. 4 for one task and sigma."""
        return DenoiseAndClassify(self.denoiser_for(task), self.classifier_for(task), sigma)


def of_kind(kind: type[Options], options: BaseModel | None) -> Options:
    """The options of a profile, or those of one that was made without a file."""
    return options if isinstance(options, kind) else kind()


@dataclass(frozen=True)
class Placement:
    """Where and how a profile is loaded: the settings, and the device and number format that they mean."""

    profile: Profile
    settings: Settings
    device: torch.device
    dtype: torch.dtype

    @property
    def folder(self) -> Path:
        """Where the profile's files are."""
        if self.profile.folder is None:
            raise ModelFilesError(f"profile {self.profile.name} has no folder of models")
        return self.profile.folder

    @property
    def denoiser(self) -> Path:
        return self.folder / "denoiser"

    @property
    def classifier(self) -> Path:
        """Of a classifier that is none of open_clip's."""
        return self.folder / "classifier"

    def denoiser_options(self, kind: type[Options]) -> Options:
        return of_kind(kind, self.profile.denoiser_options)

    def classifier_options(self, kind: type[Options]) -> Options:
        return of_kind(kind, self.profile.classifier_options)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of a classifier that knows no others."""
        if self.profile.class_names is None:
            raise ModelFilesError(f"profile {self.profile.name} does not say which classes it knows")
        return self.profile.class_names
