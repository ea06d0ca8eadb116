"""Denoise-and-classify, the base classifier f of Eq. 4: one-step denoising, then the classifier."""

from dataclasses import dataclass

import torch

from robustify.interfaces import Classifier, Denoiser


@dataclass(frozen=True)
class DenoiseAndClassify:
    """f(x) = classifier(denoiser(x, sigma)) for noisy images (B, 3, H, W) around [0, 1]; logits (B, K)."""

    denoiser: Denoiser
    classifier: Classifier
    sigma: float

    def __call__(self, noisy: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.denoiser(noisy, self.sigma))


def identity_denoiser(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """No denoiser: the noisy images themselves, as plain randomized smoothing classifies them."""
    return x
