"""Zero-shot CLIP from open_clip: labels and a template become the weights of a classifier."""

from dataclasses import dataclass

import open_clip
import torch
from torch import nn

from robustify.errors import InvalidInputError, ModelFilesError
from robustify.types import Task

SAME_DIRECTION = 1 - 1e-6
"""Cosine above which two prompts are one class to the model."""


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

    @property
    def logit_scale(self) -> float:
        scale: torch.Tensor = self.model.logit_scale  # type: ignore[assignment]
        return float(scale.exp())

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Unit features (B, D), float32, of images (B, 3, H, W) in [0, 1]; another size is resized bicubically."""
        if images.shape[-2:] != self.size:
            images = nn.functional.interpolate(images, self.size, mode="bicubic")
        normalised = ((images - self.mean) / self.std).to(self.image_dtype, memory_format=torch.channels_last)
        features: torch.Tensor = self.model.encode_image(normalised, normalize=True)  # type: ignore[operator]
        return features.float()

    @property
    def image_dtype(self) -> torch.dtype:
        visual: nn.Module = self.model.visual  # type: ignore[assignment]
        return next(visual.parameters()).dtype

    @torch.no_grad()
    def zero_shot(self, task: Task) -> ZeroShotClassifier:
        """The classifier for a task's prompts; refuses prompts that the text encoder cannot read or tell apart."""
        tokens = self.tokenizer(list(task.prompts)).to(self.mean.device)
        for label, row in zip(task.labels, tokens, strict=True):
            if row[-1] != 0:
                raise InvalidInputError(f"label {label!r} is too long for the text encoder: shorten it", "labels")
        features: torch.Tensor = self.model.encode_text(tokens, normalize=True).float()  # type: ignore[operator]
        self.check_distinct(task, features)
        return ZeroShotClassifier(self, features)

    @staticmethod
    def check_distinct(task: Task, features: torch.Tensor) -> None:
        cosines = (features @ features.T).fill_diagonal_(0)
        if cosines.max() > SAME_DIRECTION:
            first, second = divmod(int(cosines.argmax()), len(features))
            pair = f"{task.labels[first]!r} and {task.labels[second]!r}"
            raise InvalidInputError(f"labels {pair} are the same to the model: keep one of them", "labels")


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
