"""What the configs of downloaded models must say, read without a model library and before gigabytes follow."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.profiles.profile import Profile
from robustify.errors import ModelFilesError

UNET_CONFIG = "denoiser/unet/config.json"
CLASSIFIER_CONFIG = "classifier/config.json"
CLIP = "clip"
OPEN_CLIP_CONFIG = "open_clip_config.json"
TOKENIZERS = ("tokenizer.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json")
"""One of them, at least, holds the words of a tokenizer of Hugging Face."""
TOKENIZER_FILES = (
    *TOKENIZERS,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)
NO_SUPER_RESOLUTION = "the UNet is no super-resolution model: it needs 6 input channels and a noise level"
NO_UNCONDITIONAL_MODEL = "the UNet is no unconditional model of images: it needs 3 input channels and no classes"


def check_configs(profile: Profile, folder: Path) -> None:
    """Raises ModelFilesError when the models in the folder are not of the kinds that the profile has."""
    if profile.denoiser in ("super-resolution", "unconditional"):
        check_unet(read_config(folder / UNET_CONFIG), profile.denoiser)
    if profile.class_names is not None and (folder / CLASSIFIER_CONFIG).is_file():
        check_class_count(read_config(folder / CLASSIFIER_CONFIG), len(profile.class_names))
    clip = folder / CLIP
    if profile.classifier == CLIP and (clip / OPEN_CLIP_CONFIG).is_file():
        check_open_clip(read_config(clip / OPEN_CLIP_CONFIG), [path.name for path in clip.iterdir()])


def check_open_clip(config: Mapping[str, object], names: Sequence[str]) -> None:
    """Raises ModelFilesError for a model that needs more than the files with these names, which lie beside the config,
    or that answers in another way.
    """
    model = config.get("model_cfg")
    text = model.get("text_cfg") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(text, dict):
        raise ModelFilesError(f"{OPEN_CLIP_CONFIG} has no model_cfg with a text_cfg: it is no model of open_clip")
    if "multimodal_cfg" in model:
        raise ModelFilesError("the classifier writes captions (CoCa): bring a model with an image and a text encoder")
    if text.get("hf_model_name"):
        raise ModelFilesError(
            f"the classifier's text encoder is {text['hf_model_name']} of another repository (hf_model_name): bring a "
            "model whose text encoder is open_clip's own"
        )
    if needs_tokenizer_files(config) and not set(names) & set(TOKENIZERS):
        raise ModelFilesError(
            f"the classifier has the tokenizer {text['hf_tokenizer_name']}, and none of its files is beside "
            f"{OPEN_CLIP_CONFIG}: put {TOKENIZERS[0]} and tokenizer_config.json there"
        )


def needs_tokenizer_files(config: Mapping[str, object]) -> bool:
    """Whether its tokenizer is one of Hugging Face and not CLIP's own, which comes with the installation."""
    model = config.get("model_cfg")
    text = model.get("text_cfg") if isinstance(model, dict) else None
    return isinstance(text, dict) and bool(text.get("hf_tokenizer_name"))


def is_read(name: str, folder: Path) -> bool:
    """Whether a file of this folder is loaded; a tokenizer's is where the config beside it says that it has one."""
    if name not in TOKENIZER_FILES or not (folder / OPEN_CLIP_CONFIG).is_file():
        return True
    return needs_tokenizer_files(read_config(folder / OPEN_CLIP_CONFIG))


def check_unet(config: Mapping[str, object], kind: str) -> None:
    channels, noise_level = config.get("in_channels"), config.get("class_embed_type")
    if kind == "super-resolution" and (channels, noise_level) != (6, "timestep"):
        raise ModelFilesError(NO_SUPER_RESOLUTION)
    if kind == "unconditional" and (channels, noise_level) != (3, None):
        raise ModelFilesError(NO_UNCONDITIONAL_MODEL)


def check_class_count(config: Mapping[str, object], classes: int) -> None:
    """Of timm's and torchvision's configs, and of transformers'; one that counts no classes is tried later."""
    labels = config.get("id2label")
    stated = len(labels) if isinstance(labels, dict) else config.get("num_classes")
    if stated not in (None, classes):
        raise ModelFilesError(f"the classifier has {stated} classes, but its list names {classes}")


def read_config(path: Path) -> dict[str, object]:
    try:
        config: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
        return dict(config)
    except (OSError, ValueError, TypeError) as error:
        raise ModelFilesError(f"{path.parent.name}/{path.name} is missing or damaged: restore the models") from error
