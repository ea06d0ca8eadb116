"""The seams. Images are float tensors (B, 3, H, W) in [0, 1]; sigma is in the same units."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from robustify.counting import NoiseSource, VoteCounter

__all__ = ["Classifier", "Denoiser", "ImageGenerator", "NoiseSource", "VoteCounter"]


class Denoiser(Protocol):
    """Removes Gaussian noise of standard deviation sigma from images (B, 3, H, W); returns the same shape in [0, 1]."""

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor: ...


class Classifier(Protocol):
    """Logits (B, K) of images (B, 3, H, W) in [0, 1]."""

    def __call__(self, x0: torch.Tensor) -> torch.Tensor: ...


class ImageGenerator(Protocol):
    """One image for each prompt, from the randomness of its own generator: (B, 3, H, W) in [0, 1].

    `on_step` is called between the steps of the work and may raise to end it.
    """

    def __call__(
        self, prompts: Sequence[str], generators: Sequence[torch.Generator], on_step: Callable[[], None]
    ) -> torch.Tensor: ...
