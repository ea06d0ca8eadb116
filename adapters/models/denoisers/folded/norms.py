"""Group normalisation for inference: torch's own, in float32 where its kernel for bfloat16 is slow."""

from dataclasses import dataclass

import torch
from torch.nn.functional import group_norm

FEW_PIXELS = 1024
"""Under so many, torch's kernel for channels-last tensors on a CPU goes group by group."""
VECTOR = 16
"""Channels of a group that it then takes at once; in bfloat16, the rest of a group is slow."""


@dataclass(frozen=True)
class GroupNorm:
    """Normalises (B, C, H, W) over groups of channels, then multiplies by `weight` (C,) and adds `bias` (C,).

    The result is float32 where that is faster: whoever computes with it last casts back.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    groups: int
    eps: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return group_norm(x.float() if self.is_slow(x) else x, self.groups, self.weight, self.bias, self.eps)

    def is_slow(self, x: torch.Tensor) -> bool:
        """Whether torch is slow for this input: groups of 12 channels of 16 x 16 pixels take 6 times as long."""
        if x.dtype != torch.bfloat16 or x.device.type != "cpu":
            return False
        return x[0, 0].numel() < FEW_PIXELS and (x.shape[1] // self.groups) % VECTOR != 0


@dataclass(frozen=True)
class ModulatedNorm:
    """A norm whose result is multiplied by (1 + scale) and shifted, channel by channel; both (C,)."""

    norm: GroupNorm
    scale: torch.Tensor
    shift: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        scale, shift = (part.view(-1, 1, 1) for part in (self.scale, self.shift))
        return self.norm(x) * (1 + scale) + shift

    def folded(self) -> GroupNorm:
        """The same as one norm, whose weights do it all."""
        norm, factor = self.norm, 1 + self.scale
        return GroupNorm(norm.weight * factor, norm.bias * factor + self.shift, norm.groups, norm.eps)
