"""Builds the bundled CLIP in open_clip's format: a ResNet-18 on 32 x 32 images enlarged to 64, and a small text tower.

    python -m adapters.embedded.recipe.clip DATA --output WORK

Cost: 45 steps of 256 images a minute on one core (bf16 autocast), 80 on two: 8,000 steps are 1.7 hours. Run it again
to go on. Measured after 8,000 steps: 85.0 % on CIFAR-10, 35.4 % on Tiny-ImageNet (see the model card).

Contrastive: an image must be nearest to the text of its class, every class being named anew at every step by a random
synonym in a random template. Ordinary augmentation: flips, crops, brightness and contrast, slight blur, slight noise.
"""

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import open_clip
import torch
import typer
from torch import nn

from adapters.embedded.recipe.data import DrawBatch, LabelledImages, TrainingSet, read_training_set
from adapters.embedded.recipe.names import TEMPLATES, synonyms
from adapters.embedded.recipe.training import TrainingOptions, train
from adapters.models.training.checkpoints import Checkpoint

BATCH_SIZE = 256
CIFAR10_SHARE = 0.4
CONTEXT_LENGTH = 32
"""CLIP's own 77 tokens would make the text tower a fifth of the cost; the longest prompt of training has 24."""
JOINT_WEIGHT = 0.3
MODEL_CONFIG: Mapping[str, Any] = {  # Any: as open_clip's own configs.
    "embed_dim": 128,
    "vision_cfg": {
        "timm_model_name": "resnet18",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": 64,
    },
    "text_cfg": {"context_length": CONTEXT_LENGTH, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 2},
}
PREPROCESSING: Mapping[str, Any] = {  # Any: likewise.
    "size": 64,
    "mode": "RGB",
    "mean": [0.48, 0.45, 0.4],
    "std": [0.26, 0.25, 0.27],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def options(steps: int) -> TrainingOptions:
    return TrainingOptions(
        steps=steps, learning_rate=1.5e-3, weight_decay=0.05, betas=(0.9, 0.98), decay_share=0.5, ema_decay=0.998
    )


def normalise(images: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(PREPROCESSING[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    return (images - mean) / std


def enlarge(images: torch.Tensor) -> torch.Tensor:
    side = PREPROCESSING["size"]
    return nn.functional.interpolate(images, (side, side), mode="bicubic")


class Uniform:
    """Uniform numbers, one for each image of a batch, shaped to broadcast over it."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count, self.generator = count, generator

    def __call__(self, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        return torch.rand(self.count, 1, 1, 1, generator=self.generator) * (high - low) + low


def blur(images: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Gaussian blur of each image (B, 3, H, W) by its own sigma (B, 1, 1, 1) in pixels."""
    offsets = torch.arange(-2.0, 3.0).view(1, 1, 1, -1)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum(-1, keepdim=True)
    count, channels, height, width = images.shape
    kernels = kernel.expand(-1, channels, -1, -1).reshape(count * channels, 1, 1, 5)
    flat = nn.functional.pad(images, (2, 2, 2, 2), mode="reflect").reshape(1, -1, height + 4, width + 4)
    flat = nn.functional.conv2d(flat, kernels, groups=count * channels)
    flat = nn.functional.conv2d(flat, kernels.transpose(2, 3), groups=count * channels)
    return flat.reshape(count, channels, height, width)


def augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(B, 3, 32, 32) in [0, 1] to (B, 3, 64, 64): colour, slight blur and noise, then one resampling."""
    uniform = Uniform(len(images), generator)
    images = images * uniform(0.8, 1.2) + uniform(-0.1, 0.1)
    images = torch.where(uniform() < 0.4, blur(images, uniform(0.3, 1.0)), images)
    noise = torch.randn(images.shape, generator=generator) * uniform(0.0, 0.06)
    images = torch.where(uniform() < 0.3, images + noise, images)
    scale = torch.where(uniform() < 0.5, uniform(0.65, 1.0), torch.ones(()))
    flip = torch.where(uniform() < 0.5, -1.0, 1.0)
    matrix = torch.zeros(len(images), 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1] = (scale * flip).flatten(), scale.flatten()
    matrix[:, 0, 2], matrix[:, 1, 2] = uniform(-0.25, 0.25).flatten(), uniform(-0.25, 0.25).flatten()
    side = PREPROCESSING["size"]
    grid = nn.functional.affine_grid(matrix, [len(images), 3, side, side], align_corners=False)
    return nn.functional.grid_sample(images, grid, mode="bicubic", padding_mode="reflection", align_corners=False)


class ClassTexts:
    """Tokens of every (class, synonym, template)."""

    def __init__(self, names: list[tuple[str, ...]]) -> None:
        tokenizer = open_clip.SimpleTokenizer(context_length=CONTEXT_LENGTH)
        self.tokens = [tokenizer([t.format(name) for name in group for t in TEMPLATES]) for group in names]
        self.plain = [tokenizer([f"a photo of a {group[0]}"]) for group in names]

    def draw(self, generator: torch.Generator) -> torch.Tensor:
        """One random prompt a class: (classes, CONTEXT_LENGTH)."""
        rng = random.Random(int(torch.randint(2**31, (), generator=generator)))
        return torch.stack([group[rng.randrange(len(group))] for group in self.tokens])


def contrastive_loss(logits: torch.Tensor, labels: torch.Tensor, cifar10_classes: int) -> torch.Tensor:
    """Cross-entropy over the names of an image's own data set, and a share over all names.

    The two sets name the same things at different depths ("cat", "tabby"): rivalry within a set is what users ask for.
    """
    own = torch.zeros_like(logits, dtype=torch.bool)
    first = labels < cifar10_classes
    own[first, :cifar10_classes] = True
    own[~first, cifar10_classes:] = True
    within = nn.functional.cross_entropy(logits.masked_fill(~own, -1e4), labels)
    return within + JOINT_WEIGHT * nn.functional.cross_entropy(logits, labels)


@torch.no_grad()
def zero_shot_accuracy(model: nn.Module, data: LabelledImages, tokens: torch.Tensor) -> float:
    text = model.encode_text(tokens, normalize=True)  # type: ignore[operator]
    hits = 0
    for images, labels in zip(torch.split(data.images, 250), torch.split(data.labels, 250), strict=True):
        features = model.encode_image(normalise(enlarge(images.float() / 255)), normalize=True)  # type: ignore[operator]
        hits += int(((features @ text.T).argmax(1) == labels).sum())
    return hits / len(data)


def build(data_folder: Path, work: Path, steps: int) -> dict[str, torch.Tensor]:
    data = read_training_set(data_folder)
    held_back = read_training_set(data_folder, held_back=True)
    texts = ClassTexts(synonyms(data_folder / "tiny_imagenet_32", data.class_names))
    torch.manual_seed(0)
    model = open_clip.CLIP(**MODEL_CONFIG).to(memory_format=torch.channels_last)
    draw = partial(data.draw, BATCH_SIZE, CIFAR10_SHARE)
    validate = partial(accuracies, held_back=held_back, texts=texts)
    return train(
        model,
        contrastive_step(model, draw, texts, len(data.cifar10.class_names)),
        options(steps),
        Checkpoint(work / "training.safetensors"),
        validate,
    )


def contrastive_step(
    model: open_clip.CLIP, draw: DrawBatch, texts: ClassTexts, cifar10_classes: int
) -> Callable[[int, torch.Generator], torch.Tensor]:
    """The loss of a step on a batch of `draw`."""

    def loss_of_step(step: int, generator: torch.Generator) -> torch.Tensor:
        images, labels = draw(generator)
        views = normalise(augment(images.float() / 255, generator)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            image_features = model.encode_image(views, normalize=True)
            text_features = model.encode_text(texts.draw(generator), normalize=True)
            logits = model.logit_scale.exp().clamp(max=100) * image_features @ text_features.T
        return contrastive_loss(logits.float(), labels, cifar10_classes)

    return loss_of_step


def accuracies(model: nn.Module, held_back: TrainingSet, texts: ClassTexts) -> str:
    """On the held-back images of each data set, among its own names."""
    first = len(held_back.cifar10.class_names)
    cifar10 = zero_shot_accuracy(model, held_back.cifar10, torch.cat(texts.plain[:first]))
    other = zero_shot_accuracy(model, held_back.other, torch.cat(texts.plain[first:]))
    return f"held back: CIFAR-10 {cifar10:.3f}, the other set {other:.3f}"


def main(
    data: Path,
    output: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    steps: int = 8000,
) -> None:
    build(data, output, steps)


if __name__ == "__main__":
    typer.run(main)
