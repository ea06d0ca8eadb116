"""Zero-shot CLIP from open_clip: labels and a template become the weights of a classifier."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import open_clip
import torch
from torch import nn
from torch.func import functional_call

from adapters.contract.labels import name_labels, name_pairs
from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Task

SAME_DIRECTION = 1 - 1e-6
"""Cosine above which two prompts are one class to the model."""
IMAGE_TOWER = "visual."


@dataclass(frozen=True)
class ZeroShotClassifier:
    """Logits (B, K) of images (B, 3, H, W) in [0, 1]: scaled cosines with the text features (K, D) of the labels."""

    clip: "ClipModel"
    text_features: torch.Tensor

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        return self.clip.logit_scale * self.clip.embed_images(x0) @ self.text_features.T


@dataclass(frozen=True)
class ClipModel:
    """An open_clip model with what its config says of preprocessing; `mean` and `std` are (1, 3, 1, 1)."""

    model: nn.Module
    tokenizer: "open_clip.SimpleTokenizer"
    size: tuple[int, int]
    mean: torch.Tensor
    std: torch.Tensor
    overrides: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Weights that a task has instead of the loaded ones, in the dtype of the loaded ones."""

    def with_weights(self, changed: Mapping[str, torch.Tensor]) -> "ClipModel":
        """The same model but for these weights, which are copied; it shares the others."""
        loaded = dict(self.model.state_dict())
        overrides = {name: torch.empty_like(loaded[name]).copy_(tensor) for name, tensor in changed.items()}
        return replace(self, overrides=overrides)

    @property
    def logit_scale(self) -> float:
        scale: torch.Tensor = self.model.logit_scale  # type: ignore[assignment]
        return float(scale.exp())

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Unit features (B, D), float32, of images (B, 3, H, W) in [0, 1]."""
        prepared = self.prepare(images).to(self.image_dtype, memory_format=torch.channels_last)
        tower: nn.Module = self.model.visual  # type: ignore[assignment]
        features: torch.Tensor = functional_call(tower, self.image_overrides, (prepared,), tie_weights=False)
        return nn.functional.normalize(features, dim=-1).float()

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, H, W) in [0, 1] as the image tower takes them; another size is resized bicubically."""
        if images.shape[-2:] != self.size:
            images = nn.functional.interpolate(images, self.size, mode="bicubic")
        return (images - self.mean) / self.std

    def embed_texts(self, tokens: torch.Tensor) -> torch.Tensor:
        """Unit features (K, D), float32, of tokens (K, T)."""
        inputs = {"image": None, "text": tokens}
        features: torch.Tensor = functional_call(self.model, dict(self.overrides), (), inputs, tie_weights=False)[1]
        return features.float()

    @cached_property
    def image_overrides(self) -> dict[str, torch.Tensor]:
        return {
            name.removeprefix(IMAGE_TOWER): value
            for name, value in self.overrides.items()
            if name.startswith(IMAGE_TOWER)
        }

    @property
    def image_dtype(self) -> torch.dtype:
        visual: nn.Module = self.model.visual  # type: ignore[assignment]
        return next(visual.parameters()).dtype

    @torch.no_grad()
    def zero_shot(self, task: Task) -> ZeroShotClassifier:
        """The classifier for a task's prompts; refuses prompts that the text encoder cannot read or tell apart."""
        tokens = self.tokens_of(task)
        features = self.embed_texts(tokens)
        self.check_distinct(task, features)
        return ZeroShotClassifier(self.without_text_weights(), features)

    def without_text_weights(self) -> "ClipModel":
        """The same image tower; what a task changed of the text encoder is not kept once its texts are embedded."""
        kept = {name: tensor for name, tensor in self.overrides.items() if name.startswith(IMAGE_TOWER)}
        return replace(self, overrides=kept)

    def tokens_of(self, task: Task) -> torch.Tensor:
        """Tokens (K, T) of a task's prompts; refuses a prompt that the text encoder would cut off."""
        tokens: torch.Tensor = self.tokenizer(list(task.prompts)).to(self.mean.device)
        if too_long := tokens[:, -1].nonzero().flatten().tolist():
            named = name_labels(task.labels, too_long)
            raise InvalidInputError(f"labels that are too long for the text encoder: {named}. Shorten them", "labels")
        return tokens

    @staticmethod
    def check_distinct(task: Task, features: torch.Tensor) -> None:
        """Refuses labels whose unit features (K, D) are one; each is named with the first that it equals."""
        same = (features @ features.T > SAME_DIRECTION).triu(1)
        first = same.int().argmax(dim=0).tolist()
        if pairs := [(first[later], later) for later in same.any(dim=0).nonzero().flatten().tolist()]:
            named = name_pairs(task.labels, pairs)
            raise InvalidInputError(f"labels that are the same to the model: {named}. Keep one of each", "labels")


def load_clip(source: str, device: torch.device, dtype: torch.dtype) -> ClipModel:
    """Load from `local-dir:FOLDER`, `hf-hub:ID`, or `NAME/PRETRAINED` of open_clip's own list.

    `dtype` is the image tower's: texts are embedded once, in float32, so that near synonyms stay apart.
    """
    name, _, pretrained = (source, "", "") if ":" in source else source.partition("/")
    try:
        model = open_clip.create_model(name, pretrained=pretrained or None)
        tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError) as error:
        raise ModelFilesError(f"classifier {source!r} cannot be loaded: its files are missing or damaged") from error
    config = open_clip.get_model_preprocess_cfg(model)
    side = config["size"]
    model.requires_grad_(False).eval().to(device=device, memory_format=torch.channels_last)
    model.visual.to(dtype)
    return ClipModel(
        model=model,
        tokenizer=tokenizer,
        size=(side, side) if isinstance(side, int) else (side[0], side[1]),
        mean=torch.tensor(config["mean"], device=device).view(1, 3, 1, 1),
        std=torch.tensor(config["std"], device=device).view(1, 3, 1, 1),
    )
