"""A folded UNet: from a noisy image to the noise in it, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from adapters.models.denoisers.folded.blocks import Attention, Convolution, Function, Resnet
from adapters.models.denoisers.folded.norms import GroupNorm, ModulatedNorm

ScaleAndShift = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""Name of a block -> the scale and the shift (C,) after its second norm, of the time, the noise level and the text."""


@dataclass(frozen=True)
class Stage:
    """A block with the attention after it, and what it does with the skip connections."""

    resnet: Resnet
    attention: Attention | None = None
    takes_skip: bool = False
    leaves_skip: bool = False

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = self.resnet(x)
        return self.attention(x) if self.attention else x


@dataclass(frozen=True)
class FoldedUNet:
    """eps (B, 3, H, W) in float32 of x_t (B, 3, H, W), for one prompt, one timestep and one noise level."""

    conv_in: Convolution
    copies: int
    """How often `conv_in` takes the image: once where its two halves are added up, else twice."""
    stages: tuple[Stage, ...]
    norm_out: GroupNorm
    activation: Function
    conv_out: Convolution
    memory_format: torch.memory_format

    def __call__(self, x_t: torch.Tensor) -> torch.Tensor:
        image = torch.cat([x_t] * self.copies, dim=1) if self.copies > 1 else x_t
        x = self.conv_in(image.to(self.dtype, memory_format=self.memory_format))
        skips = [x]
        for stage in self.stages:
            x = stage(torch.cat([x, skips.pop()], dim=1) if stage.takes_skip else x)
            if stage.leaves_skip:
                skips.append(x)
        out = self.conv_out(self.activation(self.norm_out(x)).to(x.dtype))
        return out[:, : x_t.shape[1]].float()

    @property
    def dtype(self) -> torch.dtype:
        return self.conv_in.weight.dtype

    def at(self, modulations: ScaleAndShift, folded: bool) -> "FoldedUNet":
        """The same for one time embedding; it shares all weights but those of the second norms."""
        return replace(self, stages=tuple(modulated(stage, modulations, folded) for stage in self.stages))


def modulated(stage: Stage, modulations: ScaleAndShift, folded: bool) -> Stage:
    norm = stage.resnet.norm2
    plain = norm.norm if isinstance(norm, ModulatedNorm) else norm
    scale, shift = (part.to(plain.weight) for part in modulations[stage.resnet.name])
    joint = ModulatedNorm(plain, scale, shift)
    return replace(stage, resnet=replace(stage.resnet, norm2=joint.folded() if folded else joint))
