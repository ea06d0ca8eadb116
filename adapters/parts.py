"""What a loader of one model of a profile may ask for."""

from dataclasses import dataclass
from pathlib import Path

import torch

from adapters.profiles import Profile
from adapters.settings import Settings
from robustify.errors import ModelFilesError


@dataclass(frozen=True)
class Parts:
    """A profile, the settings, and the device and number format that they mean."""

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
    def class_names(self) -> tuple[str, ...]:
        """The classes of a classifier that knows no others."""
        if self.profile.class_names is None:
            raise ModelFilesError(f"profile {self.profile.name} does not say which classes it knows")
        return self.profile.class_names
