"""Zero-shot models of open_clip, of any kind: labels in their templates become the weights of a classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import open_clip
import torch
from safetensors import SafetensorError
from torch import nn
from torch.func import functional_call

from adapters.hub.config_checks import OPEN_CLIP_CONFIG, check_open_clip, read_config
from adapters.models.classifiers.clip_layouts import is_of_transformers, load_from_transformers
from adapters.models.classifiers.clip_tokens import Tokenizer, check_tokenizer, tokens_of
from adapters.models.classifiers.ensembles import in_parts, mean_direction
from adapters.models.classifiers.text_checks import check_distinct_in_sets
from robustify.errors import ModelFilesError
from robustify.types import Task

IMAGE_TOWER = "visual."
LOCAL = "local-dir"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")


@dataclass(frozen=True)
class ZeroShotClassifier:
    """Logits (B, K) of images (B, 3, H, W) in [0, 1]: scaled cosines with the text features (K, D) of the labels.

    The bias of a model that was trained with a sigmoid (SigLIP, Zhai et al., 2023) is one number for all labels: it
    changes no argmax and no softmax, and is left out.
    """

    clip: "ClipModel"
    text_features: torch.Tensor

    def __call__(self, x0: torch.Tensor) -> torch.Tensor:
        return self.clip.logit_scale * self.clip.embed_images(x0) @ self.text_features.T


@dataclass(frozen=True)
class ClipModel:
    """An open_clip model with what its config says of preprocessing; `mean` and `std` are (1, 3, 1, 1)."""

    model: nn.Module
    tokenizer: Tokenizer
    size: tuple[int, int]
    mean: torch.Tensor
    std: torch.Tensor
    interpolation: str = "bicubic"
    """How images of another size are resized."""
    overrides: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Weights that a task has instead of the loaded ones, in the dtype of the loaded ones."""

    def with_weights(self, changed: Mapping[str, torch.Tensor]) -> "ClipModel":
        """The same model but for these weights, which are copied; it shares the others."""
        loaded = dict(self.model.state_dict())
        overrides = {name: torch.empty_like(loaded[name]).copy_(tensor) for name, tensor in changed.items()}
        return replace(self, overrides=overrides)

    @cached_property
    def logit_scale(self) -> float:
        """No training changes it. Read once: whoever reads a number of a GPU waits for all that it was asked before."""
        scale: torch.Tensor = self.model.logit_scale  # type: ignore[assignment]
        return float(scale.exp())

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Unit features (B, D), float32, of images (B, 3, H, W) in [0, 1]."""
        prepared = self.prepare(images).to(self.image_dtype, memory_format=torch.channels_last)
        tower: nn.Module = self.model.visual  # type: ignore[assignment]
        features: torch.Tensor = functional_call(tower, self.image_overrides, (prepared,), tie_weights=False)
        return nn.functional.normalize(features, dim=-1).float()

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, H, W) in [0, 1] as the image tower takes them; another size is resized, and where it is reduced
        with antialias, as the model's own preprocessing does it.
        """
        height, width = images.shape[-2:]
        if (height, width) != self.size:
            is_reduced = height > self.size[0] or width > self.size[1]
            images = nn.functional.interpolate(images, self.size, mode=self.interpolation, antialias=is_reduced)
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
        embedded = [in_parts(self.embed_texts, tokens) for tokens in self.tokens_of(task)]
        features = mean_direction(torch.stack(embedded))
        check_distinct_in_sets(task, features)
        return ZeroShotClassifier(self.without_text_weights(), features)

    def without_text_weights(self) -> "ClipModel":
        """The same image tower; what a task changed of the text encoder is not kept once its texts are embedded."""
        kept = {name: tensor for name, tensor in self.overrides.items() if name.startswith(IMAGE_TOWER)}
        return replace(self, overrides=kept)

    def tokens_of(self, task: Task) -> Sequence[torch.Tensor]:
        """Tokens (K, T) for each template; refuses a prompt that the text encoder would cut off."""
        return [tokens.to(self.mean.device) for tokens in tokens_of(self.tokenizer, task)]


def load_clip(source: str, device: torch.device, dtype: torch.dtype) -> ClipModel:
    """Load from `local-dir:FOLDER`, `hf-hub:ID`, or `NAME/PRETRAINED` of open_clip's own list.

    `dtype` is the image tower's: texts are embedded once, in float32, so that near synonyms stay apart.
    """
    model, tokenizer = loaded(source)
    check_tokenizer(tokenizer)
    config = open_clip.get_model_preprocess_cfg(model)
    side = config["size"]
    model.requires_grad_(False).eval().to(device).to(memory_format=torch.channels_last)
    model.visual.to(dtype)
    return ClipModel(
        model=model,
        tokenizer=tokenizer,
        size=(side, side) if isinstance(side, int) else (side[0], side[1]),
        mean=torch.tensor(config["mean"], device=device).view(1, 3, 1, 1),
        std=torch.tensor(config["std"], device=device).view(1, 3, 1, 1),
        interpolation=interpolation_of(config.get("interpolation")),
    )


def loaded(source: str) -> tuple[nn.Module, Tokenizer]:
    """The model with its weights, and its tokenizer; of a folder nothing is read that lies elsewhere."""
    scheme, _, place = source.partition(":")
    name, _, pretrained = (source, "", "") if place else source.partition("/")
    weights = weights_in(Path(place)) if scheme == LOCAL else None
    try:
        if weights is not None and is_of_transformers(weights):
            model = open_clip.create_model(name, load_weights=False)
            load_from_transformers(model, weights)
        else:
            is_trained = bool(pretrained or place)
            model = open_clip.create_model(name, pretrained=pretrained or None, require_pretrained=is_trained)
        tokenizer: Tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AssertionError, SafetensorError) as error:
        raise ModelFilesError(f"classifier {source!r} cannot be loaded: its files are missing or damaged") from error
    return model, tokenizer


def weights_in(folder: Path) -> Path:
    """The file that open_clip reads. Refuses a folder whose weights or tokenizer it would take from elsewhere, or make
    up.
    """
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not found:
        raise ModelFilesError(f"the classifier cannot be loaded: it has no {WEIGHTS[0]}; restore the models")
    check_open_clip(read_config(folder / OPEN_CLIP_CONFIG), [path.name for path in folder.iterdir()])
    return found[0]


def interpolation_of(name: object) -> str:
    """Of open_clip's `random`, which is a training's, the usual one."""
    return str(name) if name in ("bilinear", "bicubic") else "bicubic"
