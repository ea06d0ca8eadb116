"""What a folder of a model is, by the names and configs in it; nothing is loaded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.images import ResizeMode
from adapters.profiles.options.resnet20 import ARCHITECTURE as RESNET20
from adapters.profiles.preprocessing_configs import (
    PLAIN,
    Seen,
    seen_by_open_clip,
    seen_by_timm,
    seen_by_transformers,
    side_in,
)
from robustify.errors import ModelFilesError

OPEN_CLIP = "open_clip_config.json"
CONFIG = "config.json"
PIPELINE = "model_index.json"
ADAPTERS = ("adapter_config.json", "pytorch_lora_weights.safetensors")
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
ZERO_SHOT = frozenset({"clip", "siglip", "siglip2"})
LATENT = "a latent model: its noise is not that of pixels, and no certificate follows from it"
LATENT_CHANNELS = frozenset({4, 8, 9, 16})
"""Of UNets: alone, beside another image, beside an image and a mask, and of newer autoencoders."""
CLASS_LISTS = ("classes.txt", "labels.json", "classes.json")


@dataclass(frozen=True)
class Detected:
    """`side` and `preprocessing`: what its files say of images. `class_list`: the file of its classes. `options`: what
    its table must have, as far as names of files tell.
    """

    kind: str
    side: int | None = None
    preprocessing: ResizeMode = ResizeMode.SHORTER_SIDE
    class_list: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)


def detect_classifier(folder: Path) -> Detected:
    """Raises ModelFilesError that says what was looked for."""
    check_folder(folder)
    if (folder / OPEN_CLIP).is_file():
        return found("clip", seen_by_open_clip(read_json(folder / OPEN_CLIP)))
    classes = next((name for name in CLASS_LISTS if (folder / name).is_file()), None)
    if files := sorted(path.name for path in folder.glob("*.onnx")):
        return detect_onnx(folder, files, classes)
    if (folder / PIPELINE).is_file():
        raise ModelFilesError(f"{folder.name} is a diffusion pipeline and no classifier: is it the denoiser?")
    if not (folder / CONFIG).is_file():
        raise ModelFilesError(
            f"{folder.name} is no classifier that is known: it has neither {OPEN_CLIP}, nor {CONFIG}, nor an ONNX file"
        )
    return detect_by_config(folder, read_json(folder / CONFIG), classes)


def detect_onnx(folder: Path, files: Sequence[str], classes: str | None) -> Detected:
    if len(files) > 1:
        raise ModelFilesError(f"{folder.name} has {len(files)} ONNX files: leave one")
    return found("onnx", PLAIN, classes, {} if files[0] == "model.onnx" else {"file": files[0]})


def detect_by_config(folder: Path, config: Mapping[str, object], classes: str | None) -> Detected:
    """Of a `config.json`: transformers' have `model_type`, timm's and torchvision's an `architecture`."""
    model_type = config.get("model_type")
    processors = [read_json(folder / name) for name in PROCESSORS if (folder / name).is_file()]
    if model_type in ZERO_SHOT and not is_image_classifier(config):
        return found("transformers-zero-shot", seen_by_transformers(config, processors))
    if isinstance(model_type, str):
        if not is_image_classifier(config):
            raise ModelFilesError(f"{folder.name} is a {model_type} of transformers, but no image classifier")
        return found("transformers", seen_by_transformers(config, processors), classes)
    if config.get("architecture") == RESNET20:
        return found("resnet-20", seen_by_timm(config), classes)
    if isinstance(config.get("architecture"), str):
        return found("timm", seen_by_timm(config), classes)
    raise ModelFilesError(f"{CONFIG} of {folder.name} has neither model_type nor architecture: it is no classifier")


def is_image_classifier(config: Mapping[str, object]) -> bool:
    """Whether transformers saved it with a head of classes."""
    named = config.get("architectures")
    return isinstance(named, list) and any(str(name).endswith("ForImageClassification") for name in named)


def found(kind: str, seen: Seen, classes: str | None = None, options: Mapping[str, object] | None = None) -> Detected:
    return Detected(kind, seen.side, seen.preprocessing, classes, options or {})


def detect_denoiser(folder: Path) -> Detected:
    """Raises ModelFilesError likewise."""
    check_folder(folder)
    if (folder / "vae").is_dir():
        raise ModelFilesError(f"{folder.name} is {LATENT}")
    if (folder / "transformer" / CONFIG).is_file():
        return detect_transformer(folder, read_json(folder / "transformer" / CONFIG))
    if (folder / "unet" / CONFIG).is_file():
        return detect_unet(folder, read_json(folder / "unet" / CONFIG))
    if (folder / CONFIG).is_file() and str(read_json(folder / CONFIG).get("_class_name")).startswith("UNet"):
        raise ModelFilesError(
            f"{folder.name} has its UNet beside its scheduler: put {CONFIG} and the weights into unet/, and "
            "scheduler_config.json into scheduler/"
        )
    raise ModelFilesError(
        f"{folder.name} is no denoiser that is known: it has neither unet/ nor transformer/ with a {CONFIG}. A "
        "restoration network or a checkpoint of guided-diffusion is one file: give --denoiser-kind"
    )


def detect_transformer(folder: Path, config: Mapping[str, object]) -> Detected:
    name = config.get("_class_name")
    if "PRX" in str(name) and config.get("in_channels") == 3:
        return Detected("prx-pixel")
    if config.get("in_channels") != 3:
        raise ModelFilesError(f"{folder.name} is {LATENT}")
    raise ModelFilesError(f"{folder.name} is a {name}: no denoiser of pixels that is known")


def detect_unet(folder: Path, config: Mapping[str, object]) -> Detected:
    channels, noise_level = config.get("in_channels"), config.get("class_embed_type")
    if channels == 6 and noise_level == "timestep":
        return Detected("super-resolution")
    if channels == 3 and noise_level is None and config.get("_class_name") == "UNet2DModel":
        return Detected("unconditional", side_in(config, ("sample_size",)))
    if channels in LATENT_CHANNELS:
        raise ModelFilesError(f"{folder.name} is {LATENT}")
    raise ModelFilesError(
        f"the UNet of {folder.name} takes {channels} channels: a super-resolution model has 6 and a noise level, an "
        "unconditional one 3"
    )


def check_folder(folder: Path) -> None:
    """Raises ModelFilesError for what is no folder, and for one that holds nothing but changes of another model."""
    if not folder.is_dir():
        raise ModelFilesError(f"{folder.name} is no folder: give the folder of the model's files")
    if any((folder / name).is_file() for name in ADAPTERS):
        raise ModelFilesError(
            f"{folder.name} is a LoRA adapter and no whole model: merge it into its model, or make a task of it with "
            "`robustify tasks import`"
        )


def read_json(path: Path) -> Mapping[str, object]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFilesError(f"{path.name} of {path.parent.name} cannot be read: restore it") from error
    if not isinstance(read, dict):
        raise ModelFilesError(f"{path.name} of {path.parent.name} is no config")
    return read
