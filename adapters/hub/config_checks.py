"""What the configs of downloaded models must say, read without a model library and before gigabytes follow."""

import json
from collections.abc import Mapping
from pathlib import Path

from adapters.profiles.profile import Profile
from robustify.errors import ModelFilesError

UNET_CONFIG = "denoiser/unet/config.json"
CLASSIFIER_CONFIG = "classifier/config.json"
NO_SUPER_RESOLUTION = "the UNet is no super-resolution model: it needs 6 input channels and a noise level"
NO_UNCONDITIONAL_MODEL = "the UNet is no unconditional model of images: it needs 3 input channels and no classes"


def check_configs(profile: Profile, folder: Path) -> None:
    """Raises ModelFilesError when the models in the folder are not of the kinds that the profile has."""
    if profile.denoiser in ("super-resolution", "unconditional"):
        check_unet(read_config(folder / UNET_CONFIG), profile.denoiser)
    if profile.class_names is not None and (folder / CLASSIFIER_CONFIG).is_file():
        check_class_count(read_config(folder / CLASSIFIER_CONFIG), len(profile.class_names))


def check_unet(config: Mapping[str, object], kind: str) -> None:
    channels, noise_level = config.get("in_channels"), config.get("class_embed_type")
    if kind == "super-resolution" and (channels, noise_level) != (6, "timestep"):
        raise ModelFilesError(NO_SUPER_RESOLUTION)
    if kind == "unconditional" and (channels, noise_level) != (3, None):
        raise ModelFilesError(NO_UNCONDITIONAL_MODEL)


def check_class_count(config: Mapping[str, object], classes: int) -> None:
    if config.get("num_classes") != classes:
        raise ModelFilesError(f"the classifier has {config.get('num_classes')} classes, but its list names {classes}")


def read_config(path: Path) -> dict[str, object]:
    try:
        config: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
        return dict(config)
    except (OSError, ValueError, TypeError) as error:
        raise ModelFilesError(f"{path.parent.name}/{path.name} is missing or damaged: restore the models") from error
