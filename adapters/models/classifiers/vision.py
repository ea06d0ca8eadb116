"""Vision models with fixed classes from a folder in timm's layout: `config.json` and `model.safetensors`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torchvision.models import get_model

from adapters.models.classifiers.fixed import FixedClasses, fixed_classes
from robustify.errors import ModelFilesError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_timm(folder: Path, class_names: Sequence[str], device: torch.device, dtype: torch.dtype) -> FixedClasses:
    """The architecture by timm's name in the config, with the config's mean and std."""
    config = read_config(folder)
    preprocessing = config.get("pretrained_cfg", config)
    mean, std = preprocessing.get("mean", IMAGENET_MEAN), preprocessing.get("std", IMAGENET_STD)

    def build() -> nn.Module:
        arguments = config.get("model_args") or {}
        return timm.create_model(
            config["architecture"], pretrained=False, num_classes=config["num_classes"], **arguments
        )

    return fixed_classes(with_weights(build, folder), class_names, mean, std, device, dtype)


def load_torchvision(
    folder: Path, class_names: Sequence[str], device: torch.device, dtype: torch.dtype
) -> FixedClasses:
    """The architecture by torchvision's name in the config; ResNets have the same names of weights as timm's."""
    config = read_config(folder)

    def build() -> nn.Module:
        network: nn.Module = get_model(config["architecture"], weights=None, num_classes=config["num_classes"])
        return network

    return fixed_classes(with_weights(build, folder), class_names, IMAGENET_MEAN, IMAGENET_STD, device, dtype)


def read_config(folder: Path) -> dict[str, Any]:  # Any: JSON of the user's own, for timm.
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFilesError("the classifier has no readable config.json: restore the models") from error
    return config


def with_weights(build: Callable[[], nn.Module], folder: Path) -> nn.Module:
    """The network of the config with the weights beside it."""
    try:
        network = build()
        network.load_state_dict(load_file(folder / "model.safetensors"))
    except (KeyError, OSError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise ModelFilesError("the classifier cannot be loaded: its files are missing, or not of one model") from error
    return network
