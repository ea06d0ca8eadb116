"""Zero-shot models of transformers, CLIP, SigLIP and SigLIP 2: labels and templates become a classifier's weights."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

from adapters.models.classifiers.ensembles import in_parts, mean_direction
from adapters.models.classifiers.fixed import SMALL_SIDE, WRONG_SIZE
from adapters.models.classifiers.preparing import Preparation
from adapters.models.classifiers.text_checks import check_distinct_in_sets, check_uncut
from adapters.models.classifiers.transformers_folder import (
    LOADING_FAILURES,
    LOCAL,
    Loaded,
    image_preparation,
    load_from_folder,
    read_processor,
)
from adapters.profiles.options.transformers_zero_shot import TransformersZeroShotOptions
from robustify.errors import ModelFilesError
from robustify.types import Task

PATCHED = "siglip2"
"""The model type that takes patches instead of images."""
MODEL_TYPES = ("clip", "siglip", PATCHED)
MOST_PATCHES = 256
"""As transformers has it where the folder says nothing."""
ImageTower = Callable[[torch.Tensor], torch.Tensor]
"""From prepared images (B, 3, H, W) to features (B, D)."""


@dataclass(frozen=True)
class DualEncoderClassifier:
    """Logits (B, K) of images (B, 3, H, W) in [0, 1]: scaled cosines with the text features (K, D), plus the bias.

    SigLIP's probability of a label is the sigmoid of its logit, which changes no order.
    """

    encoder: "DualEncoder"
    text_features: torch.Tensor
    has_gradients: bool = True

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        cosines = self.encoder.embed_images(x0) @ self.text_features.T
        return self.encoder.logit_scale * cosines + self.encoder.logit_bias


@dataclass(frozen=True)
class DualEncoder:
    """A model with a tower for images and one for texts; `dtype` is that of the image tower."""

    model: Loaded
    tokenizer: Loaded
    image_tower: ImageTower
    prepare: Preparation
    dtype: torch.dtype

    @torch.no_grad()
    def for_task(self, task: Task) -> DualEncoderClassifier:
        """Refuses labels whose prompts the text encoder cuts off or cannot tell apart."""
        embedded = [in_parts(self.embed_texts, tokens) for tokens in self.tokens_of(task)]
        features = mean_direction(torch.stack(embedded))
        check_distinct_in_sets(task, features)
        return DualEncoderClassifier(self, features)

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Unit features (B, D), float32, of images (B, 3, H, W) in [0, 1]."""
        return nn.functional.normalize(self.image_tower(self.prepare(images).to(self.dtype)).float(), dim=-1)

    def embed_texts(self, tokens: torch.Tensor) -> torch.Tensor:
        """Unit features (K, D), float32, of tokens (K, T)."""
        # No mask: SigLIP has learned its padding, and CLIP looks at nothing behind the end of the text.
        features: torch.Tensor = self.model.get_text_features(input_ids=tokens).pooler_output
        return nn.functional.normalize(features.float(), dim=-1)

    def tokens_of(self, task: Task) -> Sequence[torch.Tensor]:
        """Tokens (K, T) for each template; refuses a prompt that the text encoder would cut off."""
        prompts = [list(task.prompts_with(template)) for template in task.all_templates]
        check_uncut(task.labels, sorted({index for texts in prompts for index in self.cut_off(texts)}))
        return [self.padded(texts) for texts in prompts]

    def cut_off(self, texts: Sequence[str]) -> Sequence[int]:
        """The indices of the texts that are too long with what begins and ends them."""
        tokens = self.tokenizer(list(texts), padding=False, truncation=False, verbose=False)["input_ids"]
        return [index for index, ids in enumerate(tokens) if len(ids) > self.longest_text]

    def padded(self, texts: Sequence[str]) -> torch.Tensor:
        """To the length that the text tower was trained with, by the token that it was trained with."""
        found = self.tokenizer(list(texts), padding="max_length", max_length=self.longest_text, return_tensors="pt")
        tokens: torch.Tensor = found["input_ids"].to(self.prepare.mean.device)
        return tokens

    @property
    def longest_text(self) -> int:
        """In tokens, with those that begin and end it."""
        return int(self.model.config.text_config.max_position_embeddings)

    @cached_property
    def logit_scale(self) -> float:
        """Read once: whoever reads a number of a GPU waits for all that it was asked before."""
        return float(self.model.logit_scale.exp())

    @cached_property
    def logit_bias(self) -> float:
        """SigLIP's; CLIP has none."""
        bias = getattr(self.model, "logit_bias", None)
        return 0.0 if bias is None else float(bias)


def load_transformers_zero_shot(
    folder: Path, options: TransformersZeroShotOptions, device: torch.device, dtype: torch.dtype
) -> DualEncoder:
    """`dtype` is the image tower's: texts are embedded once, in float32, so that near synonyms stay apart."""
    model = load_from_folder(AutoModel, folder)
    if (kind := model.config.model_type) not in MODEL_TYPES:
        raise ModelFilesError(
            f"the classifier is a model of type {kind}: zero-shot models are {', '.join(MODEL_TYPES)}"
        )
    model.to(device)
    cast_image_tower(model, dtype)
    patches = patch_grid(folder, model, options) if kind == PATCHED else None
    size = None if patches is None else (patches.side * patches.patch_size,) * 2
    prepare = image_preparation(folder, options, device, size)
    encoder = DualEncoder(model, load_tokenizer(folder), image_tower(model, patches), prepare, dtype)
    check_size(encoder)
    return encoder


@torch.no_grad()
def check_size(encoder: DualEncoder) -> None:
    """One image through the image tower tells whether it takes the size that images are resized to."""
    size = encoder.prepare.size or (SMALL_SIDE, SMALL_SIDE)
    try:
        encoder.embed_images(torch.zeros(1, 3, *size, device=encoder.prepare.mean.device))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError) as error:
        raise ModelFilesError(WRONG_SIZE.format(" x ".join(map(str, size)))) from error


def cast_image_tower(model: Loaded, dtype: torch.dtype) -> None:
    model.vision_model.to(dtype)
    if (projection := getattr(model, "visual_projection", None)) is not None:
        projection.to(dtype)


def load_tokenizer(folder: Path) -> Loaded:
    """The folder's own, with its padding. Raises ModelFilesError where it is missing or has no padding."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL)
    except LOADING_FAILURES as error:
        raise ModelFilesError("the classifier's tokenizer is missing or damaged: restore the models") from error
    if tokenizer.pad_token_id is None:
        raise ModelFilesError("the classifier's tokenizer has no token for padding: restore the models")
    return tokenizer


@dataclass(frozen=True)
class PatchGrid:
    """A square image as SigLIP 2 takes it: `side` x `side` patches of `patch_size` x `patch_size` pixels."""

    side: int
    patch_size: int

    def patches(self, images: torch.Tensor) -> torch.Tensor:
        """(B, side^2, patch_size^2 * 3) of prepared images (B, 3, H, W), row by row; channels change fastest."""
        side, patch = self.side, self.patch_size
        cut = images.reshape(len(images), 3, side, patch, side, patch).permute(0, 2, 4, 3, 5, 1)
        return cut.reshape(len(images), side * side, patch * patch * 3)


def patch_grid(folder: Path, model: Loaded, options: TransformersZeroShotOptions) -> PatchGrid:
    """Of the profile's size, else the largest square that its image processor makes."""
    patch_size = int(model.config.vision_config.patch_size)
    if options.size:
        return PatchGrid(max(1, options.size // patch_size), patch_size)
    most = getattr(read_processor(folder), "max_num_patches", MOST_PATCHES)
    return PatchGrid(math.isqrt(int(most)), patch_size)


def image_tower(model: Loaded, grid: PatchGrid | None) -> ImageTower:
    def of_images(images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = model.get_image_features(pixel_values=images).pooler_output
        return features

    def of_patches(images: torch.Tensor) -> torch.Tensor:
        assert grid is not None
        # Read as plain numbers for each image: they stay on the CPU. No patch is padding, so that there is no mask.
        shapes = torch.tensor([[grid.side, grid.side]] * len(images))
        features: torch.Tensor = model.get_image_features(
            pixel_values=grid.patches(images), spatial_shapes=shapes
        ).pooler_output
        return features

    return of_images if grid is None else of_patches
