"""FFDNet (Zhang et al., 2018), a convolutional denoiser that is told sigma: classical denoised smoothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from robustify.errors import ModelFilesError

Layer = tuple[torch.Tensor, torch.Tensor]
SCALE = 2


@dataclass(frozen=True)
class FFDNet:
    """Denoises images (B, 3, H, W) in [0, 1] with noise sigma, H and W even; trained for sigma up to 75/255."""

    layers: Sequence[Layer]

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        small = functional.pixel_unshuffle(x, SCALE)
        hidden = torch.cat([small, torch.full_like(small[:, :1], sigma)], dim=1).to(self.layers[0][0].dtype)
        for weight, bias in self.layers[:-1]:
            hidden = functional.conv2d(hidden, weight, bias, padding=1).relu()
        weight, bias = self.layers[-1]
        output = functional.conv2d(hidden, weight, bias, padding=1)
        return functional.pixel_shuffle(output, SCALE).float().clamp(0, 1)


def load_ffdnet(weights: Path, device: torch.device, dtype: torch.dtype) -> FFDNet:
    """From a file of tensors whose sha256 the caller has checked: convolutions in order, weight before bias."""
    tensors = list(torch.load(weights, map_location=device, weights_only=True).values())
    layers = [(weight.to(dtype), bias.to(dtype)) for weight, bias in zip(tensors[::2], tensors[1::2], strict=True)]
    channels_in, channels_out = layers[0][0].shape[1], layers[-1][0].shape[0]
    if (channels_in, channels_out) != (3 * SCALE**2 + 1, 3 * SCALE**2):
        raise ModelFilesError("the weights are no FFDNet for colour images")
    return FFDNet(layers)
