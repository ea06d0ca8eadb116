"""Images as a network takes them: resized and normalised in torch, so that gradients reach the images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from adapters.profiles.options.preparing import Resampling


@dataclass(frozen=True)
class Preparation:
    """From images (B, 3, H, W) in [0, 1] to the same less `mean`, divided by `std`, both (1, 3, 1, 1).

    `size`: height and width that the network takes, None for any. Images are resized with antialias, as Pillow does,
    and transformers and timm after it.
    """

    mean: torch.Tensor
    std: torch.Tensor
    size: tuple[int, int] | None = None
    resampling: Resampling = "bicubic"
    swaps_channels: bool = False
    """Whether the network takes blue first."""

    @staticmethod
    def of(
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        size: tuple[int, int] | None = None,
        resampling: Resampling = "bicubic",
        swaps_channels: bool = False,
    ) -> "Preparation":
        """On the device, in float32; mean and standard deviation are those of red, green and blue in [0, 1]."""
        of_channels = [
            torch.tensor(values, dtype=torch.float32, device=device).view(1, 3, 1, 1) for values in (mean, std)
        ]
        return Preparation(of_channels[0], of_channels[1], size, resampling, swaps_channels=swaps_channels)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if self.size is not None and images.shape[-2:] != self.size:
            # In float32, because torch resizes nothing shorter with antialias on a CPU.
            images = nn.functional.interpolate(images.float(), self.size, mode=self.resampling, antialias=True)
        prepared = (images - self.mean) / self.std
        return prepared.flip(1) if self.swaps_channels else prepared
