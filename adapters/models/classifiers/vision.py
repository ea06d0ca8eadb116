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

from adapters.models.classifiers.fixed import FixedClasses, prepared_classes
from adapters.models.classifiers.preparing import Preparation
from adapters.models.classifiers.weight_files import SAFETENSORS, check_weight_files
from adapters.profiles.options.preparing import PreparingOptions
from adapters.profiles.options.vision import VisionOptions
from robustify.errors import ModelFilesError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN = VisionOptions()
Config = dict[str, Any]
"""Any: JSON of the user's own, for timm."""


def load_timm(
    folder: Path,
    class_names: Sequence[str],
    device: torch.device,
    dtype: torch.dtype,
    options: VisionOptions = PLAIN,
) -> FixedClasses:
    """The architecture by timm's name, with the config's mean, standard deviation, size and resampling."""
    config = read_config(folder, options)

    def build() -> nn.Module:
        arguments = {**(config.get("model_args") or {}), "num_classes": classes_of(config, class_names)}
        return timm.create_model(config["architecture"], pretrained=False, **arguments)

    network = with_weights(build, folder)
    return prepared_classes(network, class_names, preparation(config, network, options, device), dtype)


def load_torchvision(
    folder: Path,
    class_names: Sequence[str],
    device: torch.device,
    dtype: torch.dtype,
    options: VisionOptions = PLAIN,
) -> FixedClasses:
    """The architecture by torchvision's name; ResNets have the same names of weights as timm's."""
    config = read_config(folder, options)

    def build() -> nn.Module:
        classes = classes_of(config, class_names)
        network: nn.Module = get_model(config["architecture"], weights=None, num_classes=classes)
        return network

    network = with_weights(build, folder)
    return prepared_classes(network, class_names, preparation(config, network, options, device), dtype)


def read_config(folder: Path, options: VisionOptions = PLAIN) -> Config:
    """The folder's config.json, which is not needed where the profile names the architecture."""
    named = {} if options.architecture is None else {"architecture": options.architecture}
    path = folder / "config.json"
    if named and not path.exists():
        return dict(named)
    try:
        config: Config = {**json.loads(path.read_text(encoding="utf-8")), **named}
    except (OSError, ValueError, TypeError) as error:
        raise ModelFilesError("the classifier has no readable config.json: restore the models") from error
    if not isinstance(config.get("architecture"), str):
        raise ModelFilesError("the classifier's config.json names no architecture: write it there or in the profile")
    return config


def classes_of(config: Config, class_names: Sequence[str]) -> int:
    """As the config says: its own number is the head's, and a list of another length is refused later."""
    return int(config.get("num_classes") or len(class_names))


def with_weights(build: Callable[[], nn.Module], folder: Path) -> nn.Module:
    """The network of the config with the weights beside it."""
    check_weight_files(folder)
    try:
        network = build()
        network.load_state_dict(load_file(folder / SAFETENSORS))
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise ModelFilesError("the classifier cannot be loaded: its files are missing, or not of one model") from error
    return network


def preparation(config: Config, network: nn.Module, options: PreparingOptions, device: torch.device) -> Preparation:
    """What the profile says, else what the config does, else ImageNet's. Raises ModelFilesError for what is none."""
    try:
        stated = config.get("pretrained_cfg") or config
        return Preparation.of(
            options.mean or stated.get("mean") or IMAGENET_MEAN,
            options.std or stated.get("std") or IMAGENET_STD,
            device,
            (options.size, options.size) if options.size else size_stated(config, network),
            options.resampling or ("bilinear" if stated.get("interpolation") == "bilinear" else "bicubic"),
        )
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFilesError("the classifier's config.json has no mean, std and size of images: correct it") from error


def size_stated(config: Config, network: nn.Module) -> tuple[int, int] | None:
    """Height and width that the config has, or that the architecture takes and no others."""
    if (side := (config.get("model_args") or {}).get("img_size")) is not None:
        height, width = (side, side) if isinstance(side, int) else side
        return int(height), int(width)
    known = getattr(network, "pretrained_cfg", None) or {}
    of_architecture = known.get("input_size") if known.get("fixed_input_size") else None
    size = (config.get("pretrained_cfg") or config).get("input_size") or of_architecture
    return (int(size[-2]), int(size[-1])) if size else None
