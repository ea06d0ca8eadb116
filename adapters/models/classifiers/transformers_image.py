"""Image classifiers of transformers, whose config names their classes: from a local folder."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForImageClassification

from adapters.models.classifiers.fixed import FixedClasses, prepared_classes
from adapters.models.classifiers.transformers_folder import Loaded, image_preparation, load_from_folder
from adapters.profiles.class_lists import read_id_to_label
from adapters.profiles.options.transformers_image import TransformersImageOptions


class LogitsOnly(nn.Module):
    """A model of transformers that gives its logits (B, classes) instead of a record."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        output: Loaded = self.model(pixel_values=pixels)
        logits: torch.Tensor = output.logits
        return logits


def load_transformers_image(
    folder: Path,
    options: TransformersImageOptions,
    class_names: Sequence[str] | None,
    device: torch.device,
    dtype: torch.dtype,
) -> FixedClasses:
    """The classes are those of the profile's list, or, where it has none (None), of the config's `id2label`."""
    names = read_id_to_label(folder / "config.json") if class_names is None else class_names
    prepare = image_preparation(folder, options, device)
    network = LogitsOnly(load_from_folder(AutoModelForImageClassification, folder))
    return prepared_classes(network, names, prepare, dtype)
