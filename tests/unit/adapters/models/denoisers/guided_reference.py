"""The UNet of guided-diffusion as its paper and its published module names describe it, for tests of the conversion.

Written anew and as short as can be: residual blocks with scale and shift, halving and doubling ones among them, and
attention whose joint weight goes by head or by part.
"""

import math

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate


def norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels)


class Residual(nn.Module):
    def __init__(self, channels: int, embedding: int, out: int, resize: str = "keep") -> None:
        super().__init__()
        self.in_layers = nn.Sequential(norm(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * out))
        self.out_layers = nn.Sequential(norm(out), nn.SiLU(), nn.Dropout(0.0), nn.Conv2d(out, out, 3, padding=1))
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)
        self.resize = resize

    def resized(self, x: torch.Tensor) -> torch.Tensor:
        if self.resize == "double":
            return interpolate(x, scale_factor=2, mode="nearest")
        return avg_pool2d(x, 2) if self.resize == "halve" else x

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.in_layers[2](self.resized(self.in_layers[:2](x)))
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        hidden = self.out_layers[1:](self.out_layers[0](hidden) * (1 + scale) + shift)
        shortcut: torch.Tensor = self.skip_connection(self.resized(x))
        return shortcut + hidden


class Attention(nn.Module):
    def __init__(self, channels: int, head: int, order: str) -> None:
        super().__init__()
        self.norm, self.qkv, self.proj_out = (
            norm(channels),
            nn.Conv1d(channels, 3 * channels, 1),
            nn.Conv1d(channels, channels, 1),
        )
        self.head, self.order = head, order

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(2)
        joint = self.qkv(self.norm(flat))
        if self.order == "heads-first":
            q, k, v = joint.view(len(x), -1, 3 * self.head, flat.shape[2]).split(self.head, dim=2)
        else:
            q, k, v = (part.reshape(len(x), -1, self.head, flat.shape[2]) for part in joint.chunk(3, dim=1))
        weights = torch.einsum("bhct,bhcs->bhts", q, k).div(math.sqrt(self.head)).softmax(dim=-1)
        attended = torch.einsum("bhts,bhcs->bhct", weights, v).reshape(flat.shape)
        change: torch.Tensor = self.proj_out(attended)
        return (flat + change).view(x.shape)


class Entry(nn.ModuleList):
    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        for part in self:
            x = part(x) if isinstance(part, nn.Conv2d) else part(x, embedding)
        return x


class GuidedUNet(nn.Module):
    """`attends`: which levels have attention; `widths`: channels of each level."""

    def __init__(self, widths: tuple[int, ...], attends: tuple[bool, ...], blocks: int, head: int, order: str) -> None:
        super().__init__()
        self.base, embedding, last = widths[0], 4 * widths[0], len(widths) - 1
        self.time_embed = nn.Sequential(nn.Linear(self.base, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        down, skips, width = [Entry([nn.Conv2d(3, self.base, 3, padding=1)])], [self.base], self.base
        for level, out in enumerate(widths):
            for _ in range(blocks):
                parts = [Residual(width, embedding, out)] + [Attention(out, head, order)] * attends[level]
                down.append(Entry(parts))
                width = out
                skips.append(out)
            if level != last:
                down.append(Entry([Residual(out, embedding, out, "halve")]))
                skips.append(out)
        middle = [Residual(width, embedding, width), Attention(width, head, order), Residual(width, embedding, width)]
        up = []
        for level, out in reversed(list(enumerate(widths))):
            for block in range(blocks + 1):
                parts = [Residual(width + skips.pop(), embedding, out)] + [Attention(out, head, order)] * attends[level]
                width = out
                if level and block == blocks:
                    parts.append(Residual(out, embedding, out, "double"))
                up.append(Entry(parts))
        self.input_blocks, self.middle_block, self.output_blocks = (
            nn.ModuleList(down),
            Entry(middle),
            nn.ModuleList(up),
        )
        self.out = nn.Sequential(norm(width), nn.SiLU(), nn.Conv2d(width, 6, 3, padding=1))

    def forward(self, x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        half = self.base // 2
        angles = timesteps[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
        embedding = self.time_embed(torch.cat([angles.cos(), angles.sin()], dim=1))
        skips = []
        for entry in self.input_blocks:
            x = entry(x, embedding)
            skips.append(x)
        x = self.middle_block(x, embedding)
        for entry in self.output_blocks:
            x = entry(torch.cat([x, skips.pop()], dim=1), embedding)
        eps: torch.Tensor = self.out(x)
        return eps
