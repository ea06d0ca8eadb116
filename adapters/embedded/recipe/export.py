"""Writes the bundled weights from the recipe's checkpoints: two diffusers pipelines, an open_clip folder, a manifest.

    python -m adapters.embedded.recipe.export --text TEXT --clip WORK --super-resolution WORK --base WORK

Takes seconds. The averaged weights are exported; CLIP's in half precision (17.6 M parameters, 35 MB).
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import open_clip
import torch
import typer
from diffusers import DiffusionPipeline, IFPipeline, IFSuperResolutionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import T5EncoderModel, T5Tokenizer

from adapters.embedded.recipe import base, super_resolution
from adapters.embedded.recipe.cascade import noise_schedule
from adapters.embedded.recipe.clip import MODEL_CONFIG, PREPROCESSING
from adapters.models.training.checkpoints import Checkpoint
from adapters.profiles.profile import BUNDLED


def averaged_weights(work: Path) -> dict[str, torch.Tensor]:
    return Checkpoint(work / "training.safetensors").load()["average"]


def averaged_unet(unet: UNet2DConditionModel, work: Path) -> UNet2DConditionModel:
    unet.load_state_dict(averaged_weights(work))
    return unet


def text_parts(text: Path) -> dict[str, object]:
    """The arguments that both pipelines share: the text encoder, and no filters of generated pictures."""
    return {
        "tokenizer": T5Tokenizer.from_pretrained(text / "tokenizer"),
        "text_encoder": T5EncoderModel.from_pretrained(text / "text_encoder"),
        "scheduler": noise_schedule(),
        "safety_checker": None,
        "feature_extractor": None,
        "watermarker": None,
        "requires_safety_checker": False,
    }


def save_pipeline(pipeline: DiffusionPipeline, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pipeline.save_pretrained(folder, safe_serialization=True)


def save_clip(weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = open_clip.CLIP(**MODEL_CONFIG)
    model.load_state_dict(weights)
    config = {"model_cfg": MODEL_CONFIG, "preprocess_cfg": PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors = {name: tensor.contiguous() for name, tensor in model.half().state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors", {"format": "pt"})


def write_manifest(folder: Path) -> None:
    """{file: sha256} of every model file."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix in {".json", ".safetensors", ".model"}
    )
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "manifest.json"
    }
    (folder / "manifest.json").write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")


def main(
    text: Annotated[Path, typer.Option()],
    clip: Annotated[Path, typer.Option()],
    super_resolution_: Annotated[Path, typer.Option("--super-resolution")],
    base_: Annotated[Path | None, typer.Option("--base")] = None,
    output: Annotated[Path, typer.Option()] = BUNDLED,
) -> None:
    """Write the folder of profile `mini`."""
    parts = text_parts(text)
    width = T5EncoderModel.from_pretrained(text / "text_encoder").config.d_model
    unet = averaged_unet(super_resolution.create_unet(width), super_resolution_)
    save_pipeline(
        IFSuperResolutionPipeline(unet=unet, image_noising_scheduler=noise_schedule(), **parts), output / "denoiser"
    )
    if base_:
        save_pipeline(IFPipeline(unet=averaged_unet(base.create_unet(width), base_), **parts), output / "generator")
    save_clip(averaged_weights(clip), output / "clip")
    write_manifest(output)


if __name__ == "__main__":
    typer.run(main)
