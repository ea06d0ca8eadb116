"""The parts of a folded UNet as plain functions of tensors: each holds its weights, and shares those it can share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, interpolate, linear, scaled_dot_product_attention

from adapters.models.denoisers.folded.norms import GroupNorm, ModulatedNorm

Function = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Convolution:
    """A convolution of odd size that keeps height and width."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)


@dataclass(frozen=True)
class DoublingConvolution:
    """A transposed 4 x 4 convolution with stride 2, which doubles height and width."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)


@dataclass(frozen=True)
class Projection:
    """A linear map of the last dimension."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self.weight, self.bias)


def keep_size(x: torch.Tensor) -> torch.Tensor:
    return x


def halve(x: torch.Tensor) -> torch.Tensor:
    return avg_pool2d(x, kernel_size=2, stride=2)


def double(x: torch.Tensor) -> torch.Tensor:
    return interpolate(x, scale_factor=2.0, mode="nearest")


@dataclass(frozen=True)
class Resnet:
    """diffusers' ResnetBlock2D for one constant time embedding.

    Its result is (conv2(...) + skip_scale * x) / divisor; `shortcut` maps x to as many channels first. `name` is that
    of the block in the UNet.
    """

    name: str
    activation: Function
    norm1: GroupNorm
    conv1: Convolution | DoublingConvolution
    norm2: GroupNorm | ModulatedNorm
    conv2: Convolution
    shortcut: Function
    resize: Function
    skip_scale: float
    divisor: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.activation(self.norm1(x)).to(x.dtype)
        if isinstance(self.conv1, Convolution):
            hidden = self.resize(hidden)
        hidden = self.activation(self.norm2(self.conv1(hidden))).to(x.dtype)
        result = self.conv2(hidden).add_(self.shortcut(self.resize(x)), alpha=self.skip_scale)
        return result if self.divisor == 1 else result / self.divisor


@dataclass(frozen=True)
class Attention:
    """diffusers' attention with added keys and values of a text, for one constant text.

    `projections` give queries, keys and values, of all heads, one after the other or at once; the softmax's scale is
    in the queries' weights. `text_keys` and `text_values` are (1, heads, tokens of the text, channels of a head).
    """

    name: str
    heads: int
    norm: GroupNorm
    projections: tuple[Projection, ...]
    output: Projection
    text_keys: torch.Tensor
    text_values: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        pixels = self.norm(x).to(x.dtype).permute(0, 2, 3, 1).flatten(1, 2)
        projected = [projection(pixels) for projection in self.projections]
        joint = torch.cat(projected, dim=-1) if len(projected) > 1 else projected[0]
        queries, keys, values = joint.view(len(x), -1, 3, self.heads, joint.shape[2] // (3 * self.heads)).permute(
            2, 0, 3, 1, 4
        )
        attended = attend(queries, prepend(self.text_keys, keys), prepend(self.text_values, values))
        mixed = self.output(attended.transpose(1, 2).flatten(2))
        return mixed.view(len(x), *x.shape[2:], x.shape[1]).permute(0, 3, 1, 2).add_(x)


def prepend(text: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """The text's keys or values before those of the pixels: (B, heads, tokens, channels of a head)."""
    return torch.cat([text.expand(len(own), -1, -1, -1), own], dim=2)


def attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """softmax(queries keys^T) values, all (B, heads, tokens, channels of a head).

    On a CPU two matrix products and a softmax in float32 take half the time of torch's fused attention.
    """
    if queries.device.type != "cpu":
        return scaled_dot_product_attention(queries, keys, values, scale=1.0)
    scores = queries @ keys.transpose(2, 3)
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(values.dtype) @ values
