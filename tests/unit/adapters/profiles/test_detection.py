"""What a folder is, by its configs alone: each kind that is known, and what is refused in one sentence."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.images import ResizeMode
from adapters.profiles.detection import detect_classifier, detect_denoiser
from robustify.errors import ModelFilesError

Files = Mapping[str, object]
VIT = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "image_size": 384}
SIGLIP = {"model_type": "siglip", "architectures": ["SiglipModel"], "vision_config": {"image_size": 256}}
OPEN_CLIP = {"model_cfg": {"vision_cfg": {"image_size": 240}, "text_cfg": {}}}
TIMM = {"architecture": "convnext_tiny", "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.875}}
UNET = {"_class_name": "UNet2DModel", "in_channels": 3, "sample_size": 64}


def folder_of(place: Path, files: Files) -> Path:
    for name, content in files.items():
        path = place / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return place / "mine"


CLASSIFIERS: Mapping[str, tuple[Files, tuple[str, int | None, str | None]]] = {
    "open_clip": ({"open_clip_config.json": OPEN_CLIP}, ("clip", 240, None)),
    "siglip": ({"config.json": SIGLIP}, ("transformers-zero-shot", 256, None)),
    "vit": ({"config.json": VIT}, ("transformers", 384, None)),
    "vit with names": ({"config.json": VIT, "labels.json": []}, ("transformers", 384, "labels.json")),
    "clip with a head": (
        {"config.json": SIGLIP | {"architectures": ["SiglipForImageClassification"]}},
        ("transformers", 256, None),
    ),
    "timm": ({"config.json": TIMM, "classes.txt": "a"}, ("timm", 224, "classes.txt")),
    "torchvision": ({"config.json": {"architecture": "resnet50", "num_classes": 3}}, ("timm", None, None)),
    "onnx": ({"model.onnx": "", "classes.json": []}, ("onnx", None, "classes.json")),
}


@pytest.mark.parametrize(("files", "expected"), CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_classifier_that_is_known(files: Files, expected: tuple[str, int | None, str | None], tmp_path: Path) -> None:
    """Its kind, its side and its list of classes are read off names and configs."""
    found = detect_classifier(folder_of(tmp_path, files))
    assert (found.kind, found.side, found.class_list) == expected


def test_onnx_file_of_another_name(tmp_path: Path) -> None:
    """The profile has to name it."""
    assert detect_classifier(folder_of(tmp_path, {"birds.onnx": ""})).options == {"file": "birds.onnx"}


CUT = {"do_center_crop": True, "size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}
OLD_CUT = {"do_center_crop": True, "size": 224, "crop_size": 224}
STRETCHED = {"do_center_crop": False, "size": {"height": 384, "width": 384}, "crop_size": {"height": 224}}
CONVNEXT = {"size": {"shortest_edge": 224}, "crop_pct": 0.875}


def open_clip(mode: str) -> Files:
    return {"open_clip_config.json": OPEN_CLIP | {"preprocess_cfg": {"resize_mode": mode}}}


def transformers(processor: object) -> Files:
    return {"config.json": VIT, "preprocessor_config.json": processor}


def timm(**stated: object) -> Files:
    return {"config.json": {"architecture": "x", "pretrained_cfg": {"input_size": [3, 224, 224], **stated}}}


SHOWN: Mapping[str, tuple[Files, int, ResizeMode]] = {
    "open_clip squash": (open_clip("squash"), 240, ResizeMode.SQUASH),
    "open_clip longest": (open_clip("longest"), 240, ResizeMode.PAD),
    "open_clip shortest": (open_clip("shortest"), 240, ResizeMode.SHORTER_SIDE),
    "transformers larger, then cut": (transformers(CUT), 224, ResizeMode.RESIZE_256_CROP_224),
    "transformers cut": (transformers(OLD_CUT), 224, ResizeMode.SHORTER_SIDE),
    "transformers without a cut": (transformers(STRETCHED), 384, ResizeMode.SQUASH),
    "transformers' ConvNeXt": (transformers(CONVNEXT), 224, ResizeMode.RESIZE_256_CROP_224),
    "transformers' large ConvNeXt": (
        transformers(CONVNEXT | {"size": {"shortest_edge": 384}}),
        384,
        ResizeMode.SQUASH,
    ),
    "transformers within a processor": (transformers({"image_processor": STRETCHED}), 384, ResizeMode.SQUASH),
    "transformers without a preprocessor": ({"config.json": VIT}, 384, ResizeMode.SHORTER_SIDE),
    "timm usual": (timm(crop_pct=0.875), 224, ResizeMode.RESIZE_256_CROP_224),
    "timm whole": (timm(crop_pct=1.0), 224, ResizeMode.SHORTER_SIDE),
    "timm squash": (timm(crop_pct=0.875, crop_mode="squash"), 224, ResizeMode.SQUASH),
    "timm border": (timm(crop_mode="border"), 224, ResizeMode.PAD),
}


@pytest.mark.parametrize(("files", "side", "mode"), SHOWN.values(), ids=SHOWN)
def test_preprocessing_of_a_config(files: Files, side: int, mode: ResizeMode, tmp_path: Path) -> None:
    """Pictures become square as the model's own preprocessing makes them, or nearly."""
    found = detect_classifier(folder_of(tmp_path, files))
    assert (found.side, found.preprocessing) == (side, mode)


NO_CLASSIFIER: Mapping[str, tuple[Files, str]] = {
    "nothing": ({"notes.txt": ""}, "is no classifier that is known: it has neither"),
    "two ONNX files": ({"a.onnx": "", "b.onnx": ""}, "has 2 ONNX files: leave one"),
    "text model": ({"config.json": {"model_type": "bert"}}, "is a bert of transformers, but no image classifier"),
    "pipeline": ({"model_index.json": {}}, "is a diffusion pipeline and no classifier"),
    "adapter": ({"adapter_config.json": {}, "config.json": VIT}, "is a LoRA adapter and no whole model"),
    "config of nothing": ({"config.json": {}}, "has neither model_type nor architecture"),
    "no JSON": ({"config.json": "{"}, "config.json of mine cannot be read: restore it"),
    "a list": ({"config.json": []}, "config.json of mine is no config"),
    "deep": ({"config.json": "[" * 100_000}, "cannot be read"),
}


@pytest.mark.parametrize(("files", "words"), NO_CLASSIFIER.values(), ids=NO_CLASSIFIER)
def test_classifier_that_is_none(files: Files, words: str, tmp_path: Path) -> None:
    """One sentence says what it is, or what was looked for, and no path of this machine."""
    with pytest.raises(ModelFilesError) as refusal:
        detect_classifier(folder_of(tmp_path, files))
    assert words in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)


PRX = {"_class_name": "PRXTransformer2DModel", "in_channels": 3}
DENOISERS: Mapping[str, tuple[Files, tuple[str, int | None]]] = {
    "upscaler": ({"unet/config.json": {"in_channels": 6, "class_embed_type": "timestep"}}, ("super-resolution", None)),
    "unconditional": ({"unet/config.json": UNET}, ("unconditional", 64)),
    "prx": ({"transformer/config.json": PRX}, ("prx-pixel", None)),
}


@pytest.mark.parametrize(("files", "expected"), DENOISERS.values(), ids=DENOISERS)
def test_denoiser_that_is_known(files: Files, expected: tuple[str, int | None], tmp_path: Path) -> None:
    """Its kind is read off its configs, and its side where they have one."""
    found = detect_denoiser(folder_of(tmp_path, files))
    assert (found.kind, found.side) == expected


LATENT = "is a latent model: its noise is not that of pixels"
NO_DENOISER: Mapping[str, tuple[Files, str]] = {
    "stable diffusion": ({"vae/config.json": {}, "unet/config.json": UNET}, LATENT),
    "latent UNet alone": ({"unet/config.json": UNET | {"in_channels": 4}}, LATENT),
    "inpainting": ({"unet/config.json": {"in_channels": 9}}, LATENT),
    "latent PRX": ({"transformer/config.json": PRX | {"in_channels": 16}}, LATENT),
    "another transformer": (
        {"transformer/config.json": {"_class_name": "DiT", "in_channels": 3}},
        "is a DiT: no denoiser of pixels that is known",
    ),
    "grey": ({"unet/config.json": {"in_channels": 1}}, "takes 1 channels: a super-resolution model has 6"),
    "with classes": ({"unet/config.json": UNET | {"class_embed_type": "timestep"}}, "takes 3 channels"),
    "UNet alone": ({"config.json": UNET}, "has its UNet beside its scheduler: put config.json and the weights into"),
    "LoRA": ({"pytorch_lora_weights.safetensors": ""}, "is a LoRA adapter and no whole model"),
    "one file": ({"drunet.pth": ""}, "is no denoiser that is known"),
}


@pytest.mark.parametrize(("files", "words"), NO_DENOISER.values(), ids=NO_DENOISER)
def test_denoiser_that_is_none(files: Files, words: str, tmp_path: Path) -> None:
    """Likewise; a latent model is named as such, whatever else it has."""
    with pytest.raises(ModelFilesError) as refusal:
        detect_denoiser(folder_of(tmp_path, files))
    assert words in str(refusal.value)


def test_folder_that_is_none(tmp_path: Path) -> None:
    """The refusal says what to give."""
    with pytest.raises(ModelFilesError, match="mine is no folder: give the folder"):
        detect_denoiser(tmp_path / "mine")
