"""Builds profile `mini-out-of-domain`: CLIP and the base stage learn the names of Fashion-MNIST, the denoiser does not.

    python -m adapters.embedded.recipe.out_of_domain clip DATA FILES --output WORK/clip
    python -m adapters.embedded.recipe.out_of_domain base DATA FILES --output WORK/base
    python -m adapters.embedded.recipe.out_of_domain export --clip WORK/clip --base WORK/base --output STATE

DATA is a folder as `../shared/data`, FILES one with Fashion-MNIST's own files (Debian: `dataset-fashion-mnist`).
Cost: 41,000 images for CLIP and 29,000 for the base stage, some ten minutes each on a busy core. Expected, on 500
held-back train images of each set: CLIP names 86 % of Fashion-MNIST and 88 % of CIFAR-10.

The paper's denoiser never saw its specialised domains, while CLIP and the text-to-image model know their names. So
here: both are fine-tuned from the bundled weights on clean images, with some of CIFAR-10 among them. The denoiser and
the text encoder are copied as they are.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import Annotated

import open_clip
import torch
import typer
from diffusers import IFPipeline, UNet2DConditionModel
from safetensors.torch import load_file

from adapters.embedded.recipe import base, clip
from adapters.embedded.recipe.cascade import encode_prompts
from adapters.embedded.recipe.clip import ClassTexts, accuracies, contrastive_step
from adapters.embedded.recipe.data import TrainingSet, read_cifar10
from adapters.embedded.recipe.export import averaged_weights, save_clip, save_pipeline, write_manifest
from adapters.embedded.recipe.fashion_mnist import SHEET_IMAGES, every, read_fashion_mnist
from adapters.embedded.recipe.names import CIFAR10_SYNONYMS, FASHION_MNIST_SYNONYMS
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.generators.cascade import NO_FILTERS
from adapters.models.training.checkpoints import Checkpoint
from adapters.profiles.profile import BUNDLED
from adapters.settings import StateFolder

NAMES = [*CIFAR10_SYNONYMS.values(), *FASHION_MNIST_SYNONYMS.values()]
BATCH_SIZE = 128
CIFAR10_SHARE = 0.3
PROFILE = Path(__file__).with_name("mini-out-of-domain.toml")
app = typer.Typer()


def options(steps: int, learning_rate: float) -> TrainingOptions:
    """Short runs from trained weights."""
    return TrainingOptions(
        steps=steps,
        learning_rate=learning_rate,
        weight_decay=0.01,
        warmup_steps=50,
        decay_share=0.5,
        ema_decay=0.99,
        checkpoint_seconds=120.0,
    )


def read_both(data: Path, files: Path, *, held_back: bool = False) -> TrainingSet:
    """CIFAR-10 and Fashion-MNIST: their train splits without the held-back images, or 500 of those of each."""
    both = read_cifar10(data / "cifar10", held_back=held_back), read_fashion_mnist(files, held_back=held_back)
    return TrainingSet(*(every(one, SHEET_IMAGES) if held_back else one for one in both))


@app.command("clip")
def build_clip(
    data: Path,
    files: Path,
    output: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    steps: int = 320,
) -> None:
    """Fine-tune CLIP, with the ordinary augmentation that it was made with."""
    images, texts = read_both(data, files), ClassTexts(NAMES)
    model = open_clip.CLIP(**clip.MODEL_CONFIG)
    model.load_state_dict(load_file(BUNDLED / "clip" / "open_clip_model.safetensors"))
    model = model.float().to(memory_format=torch.channels_last)
    draw = partial(images.draw, BATCH_SIZE, CIFAR10_SHARE)
    train(
        model,
        contrastive_step(model, draw, texts, len(CIFAR10_SYNONYMS)),
        options(steps, 5e-4),
        Checkpoint(output / "training.safetensors"),
        partial(accuracies, held_back=read_both(data, files, held_back=True), texts=texts),
    )


@app.command("base")
def build_base(
    data: Path,
    files: Path,
    output: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    steps: int = 300,
) -> None:
    """Fine-tune the base stage; its text encoder, which can spell the new names, stays as it is."""
    images, text_rows = read_both(data, files), encode_prompts(BUNDLED / "generator", NAMES)
    unet = UNet2DConditionModel.from_pretrained(BUNDLED / "generator" / "unet").to(memory_format=torch.channels_last)
    draw = partial(images.draw, base.BATCH_SIZE, CIFAR10_SHARE)
    train(
        unet,
        base.diffusion_step(unet, draw, text_rows),
        options(steps, 4e-4),
        Checkpoint(output / "training.safetensors"),
    )


@app.command("export")
def export(
    clip_: Annotated[Path, typer.Option("--clip")],
    base_: Annotated[Path, typer.Option("--base")],
    output: Annotated[Path, typer.Option(help="State folder, into which the profile and its models go.")],
) -> None:
    """Write the profile, and its models: their own base stage and CLIP beside the denoiser of `mini`."""
    state = StateFolder(output)
    folder = state.models / PROFILE.stem
    shutil.copytree(BUNDLED / "denoiser", folder / "denoiser", dirs_exist_ok=True)
    pipeline = IFPipeline.from_pretrained(BUNDLED / "generator", use_safetensors=True, **NO_FILTERS)
    pipeline.unet.load_state_dict(averaged_weights(base_))
    save_pipeline(pipeline, folder / "generator")
    save_clip(averaged_weights(clip_), folder / "clip")
    write_manifest(folder)
    state.profiles.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROFILE, state.profiles / PROFILE.name)


if __name__ == "__main__":
    app()
