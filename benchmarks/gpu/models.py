"""Random weights of an architecture as a profile on disk: the service, and all that adapts, load it as any other."""

import json
import shutil
from pathlib import Path

import open_clip
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import T5Config, T5EncoderModel

from adapters.profiles.manifest import sha256_of, write_manifest
from adapters.profiles.profile import BUNDLED
from adapters.settings import Settings
from benchmarks.gpu.architectures import Architecture, Config

PREPROCESSING = {"mean": [0.48, 0.45, 0.4], "std": [0.26, 0.25, 0.27], "interpolation": "bicubic"}
LICENCE = {"name": "random numbers", "business": "yes"}
SPREAD = 0.1
"""Of what is added to norms and biases, so that none of them is neutral."""
PIPELINE = {"_class_name": "IFSuperResolutionPipeline"}


def write_profile(architecture: Architecture, settings: Settings) -> None:
    """The models and the profile's file; nothing is done where they are there."""
    path = settings.profiles_folder / f"{architecture.name}.toml"
    if path.is_file():
        return
    folder = settings.models_folder / architecture.name
    write_denoiser(architecture, folder / "denoiser")
    write_clip(architecture, folder / "clip")
    files = [found for found in sorted(folder.rglob("*")) if found.is_file()]
    write_manifest(folder, {str(found.relative_to(folder)): sha256_of(found) for found in files})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(profile_file(architecture), encoding="utf-8")


def write_denoiser(architecture: Architecture, folder: Path) -> None:
    """A UNet in 16 bit, as IF's is given out, and a text encoder of the right width that knows nothing."""
    random_unet(architecture).to(torch.bfloat16).save_pretrained(folder / "unet")
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", thresholding=True, variance_type="fixed_small")
    scheduler.save_pretrained(folder / "scheduler")
    shutil.copytree(BUNDLED / "denoiser" / "tokenizer", folder / "tokenizer")
    known = json.loads((BUNDLED / "denoiser" / "text_encoder" / "config.json").read_text())
    width = architecture.text_width
    config = T5Config(vocab_size=known["vocab_size"], d_model=width, d_kv=16, d_ff=16, num_heads=1, num_layers=1)
    T5EncoderModel(config).save_pretrained(folder / "text_encoder")
    (folder / "model_index.json").write_text(json.dumps(PIPELINE), encoding="utf-8")


def random_unet(architecture: Architecture) -> UNet2DConditionModel:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(**architecture.unet)
    for parameter in unet.parameters():
        if parameter.ndim == 1:
            parameter.data += SPREAD * torch.randn(parameter.shape)
    return unet


def write_clip(architecture: Architecture, folder: Path) -> None:
    """As open_clip's own models lie in a folder."""
    folder.mkdir(parents=True)
    document = {"model_cfg": architecture.clip, "preprocess_cfg": {**PREPROCESSING, "size": architecture.side}}
    (folder / "open_clip_config.json").write_text(json.dumps(document), encoding="utf-8")
    torch.manual_seed(1)
    model = open_clip.create_model(f"local-dir:{folder}", require_pretrained=False)
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")


def profile_file(architecture: Architecture) -> str:
    """In TOML, of which JSON's texts and numbers are a part."""
    tables: dict[str, Config] = {
        "": {
            "name": architecture.name,
            "description": "Random weights, to be measured.",
            "licence": "Random numbers.",
            "side": architecture.side,
            "batch": architecture.batch_size,
            "shard": 2 * architecture.batch_size,
            "micro_batch": min(24, 2 * architecture.batch_size),
        },
        "denoiser": {"kind": "super-resolution", "k": 1.8},
        "denoiser.licence": LICENCE,
        "classifier": {"kind": "clip"},
        "classifier.licence": LICENCE,
        "adaptation": architecture.adaptation,
    }
    return "".join(table(name, values) for name, values in tables.items())


def table(name: str, values: Config) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([*([f"[{name}]"] if name else []), *lines, "", ""])
