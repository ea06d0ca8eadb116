"""From a UNet to an equal, faster one for a constant prompt: what is folded into what.

Everything is computed from the UNet's own weights in float32 and cast once, at the end.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention as UNetAttention
from diffusers.models.resnet import ResnetBlock2D
from torch import nn
from torch.nn.functional import gelu, silu

from adapters.models.denoisers.folded.blocks import (
    Attention,
    Convolution,
    DoublingConvolution,
    Function,
    Projection,
    Resnet,
    double,
    halve,
    keep_size,
)
from adapters.models.denoisers.folded.constants import Pairs
from adapters.models.denoisers.folded.network import FoldedUNet, Stage
from adapters.models.denoisers.folded.norms import GroupNorm

Part = TypeVar("Part")
IMAGE_CHANNELS = 3


@dataclass(frozen=True)
class Folds:
    """Which transformations are made; all are equalities, up to rounding."""

    channels: bool = True
    """The UNet's input is the same image twice: conv_in adds up its two halves. The variance is not computed."""
    scale_shift: bool = True
    """The second norm of a block also multiplies and shifts as the time embedding says."""
    projections: bool = True
    """Queries, keys and values come from one product; a block's last convolutions divide by its output scale."""
    upsampling: bool = True
    """Enlarging and the 3 x 3 convolution after it become one transposed 4 x 4 convolution: 16 products for 36."""
    channels_last: bool = True
    """Memory is laid out pixel by pixel."""


@dataclass(frozen=True)
class Placement:
    """Where folded weights go, and in which form."""

    device: torch.device
    dtype: torch.dtype
    memory_format: torch.memory_format

    def weight(self, tensor: torch.Tensor) -> torch.Tensor:
        memory_format = self.memory_format if tensor.ndim == 4 else torch.contiguous_format
        return tensor.detach().to(self.device, self.dtype).contiguous(memory_format=memory_format)

    def norm_weight(self, tensor: torch.Tensor) -> torch.Tensor:
        """A CPU normalises bfloat16 with weights in float32; a GPU wants one dtype."""
        dtype = torch.float32 if self.device.type == "cpu" else self.dtype
        return tensor.detach().to(self.device, dtype)


@dataclass(frozen=True)
class Folding:
    """Builds the parts of one UNet with some weights replaced; what no replaced weight is in is shared with others."""

    unet: UNet2DConditionModel
    folds: Folds
    place: Placement
    overrides: Mapping[str, torch.Tensor] = field(default_factory=dict)
    shared: MutableMapping[str, object] = field(default_factory=dict)
    """Name -> part, of the UNet without overrides."""

    def network(self, text: Pairs) -> FoldedUNet:
        """The whole UNet for the text constants of a prompt, not yet for a time."""
        last = cast("nn.Module", self.unet.conv_act)
        return FoldedUNet(
            conv_in=self.part("conv_in", self.conv_in),
            copies=1 if self.folds.channels else 2,
            stages=tuple(self.stages(text)),
            norm_out=self.part("conv_norm_out", self.norm),
            activation=activation(last),
            conv_out=self.part("conv_out", self.conv_out),
            memory_format=self.place.memory_format,
        )

    def stages(self, text: Pairs) -> list[Stage]:
        """The blocks in the order in which they compute."""
        unet, stages = self.unet, list[Stage]()
        for index, block in enumerate(unet.down_blocks):
            stages += self.block(f"down_blocks.{index}", block, text, leaves_skip=True)
        stages += self.middle(text)
        for index, block in enumerate(unet.up_blocks):
            stages += self.block(f"up_blocks.{index}", block, text, takes_skip=True)
        return stages

    def block(self, name: str, block: nn.Module, text: Pairs, **skips: bool) -> list[Stage]:
        """Of a block that goes up, only what is before the enlargement takes skip connections."""
        attends = hasattr(block, "attentions")
        stages = [
            Stage(
                self.resnet(f"{name}.resnets.{index}"),
                self.attention(f"{name}.attentions.{index}", text) if attends else None,
                **skips,
            )
            for index in range(len(cast("nn.ModuleList", block.resnets)))
        ]
        for way in ("downsamplers", "upsamplers"):
            for index in range(len(getattr(block, way, None) or ())):
                resnet = self.resnet(f"{name}.{way}.{index}")
                stages.append(Stage(resnet, leaves_skip=skips.get("leaves_skip", False)))
        return stages

    def middle(self, text: Pairs) -> list[Stage]:
        block = cast("nn.Module", self.unet.mid_block)
        count = len(cast("nn.ModuleList", block.attentions))
        attentions = [self.attention(f"mid_block.attentions.{index}", text) for index in range(count)]
        resnets = [self.resnet(f"mid_block.resnets.{index}") for index in range(count + 1)]
        return [Stage(resnet, attention) for resnet, attention in zip(resnets, [*attentions, None], strict=True)]

    def resnet(self, name: str) -> Resnet:
        return self.part(name, self.build_resnet)

    def build_resnet(self, name: str) -> Resnet:
        block = cast("ResnetBlock2D", self.unet.get_submodule(name))
        scale = block.output_scale_factor
        inside = scale if self.folds.projections else 1.0
        doubles = block.upsample is not None and self.folds.upsampling
        shortcut = self.convolution(f"{name}.conv_shortcut", inside) if block.conv_shortcut is not None else None
        return Resnet(
            name=name,
            activation=activation(block.nonlinearity),
            norm1=self.norm(f"{name}.norm1"),
            conv1=self.doubling_convolution(f"{name}.conv1") if doubles else self.convolution(f"{name}.conv1"),
            norm2=self.norm(f"{name}.norm2"),
            conv2=self.convolution(f"{name}.conv2", inside),
            shortcut=shortcut or keep_size,
            resize=double if block.upsample is not None else halve if block.downsample is not None else keep_size,
            skip_scale=1.0 if shortcut else 1 / inside,
            divisor=scale / inside,
        )

    def attention(self, name: str, text: Pairs) -> Attention:
        """The attention with the text's keys and values, which are those of one task."""
        part = self.part(name, self.build_attention)
        keys, values = (self.heads(pair, part.heads) for pair in text[name])
        return replace(part, text_keys=keys, text_values=values)

    def build_attention(self, name: str) -> Attention:
        attention = cast("UNetAttention", self.unet.get_submodule(name))
        softmax_scale = (attention.inner_dim // attention.heads) ** -0.5
        parts = [self.pair(f"{name}.{part}") for part in ("to_q", "to_k", "to_v")]
        parts[0] = (parts[0][0] * softmax_scale, parts[0][1] * softmax_scale)
        if self.folds.projections:
            parts = [(torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts]))]
        nothing = torch.empty(0)
        return Attention(
            name=name,
            heads=attention.heads,
            norm=self.norm(f"{name}.group_norm"),
            projections=tuple(Projection(self.place.weight(w), self.place.weight(b)) for w, b in parts),
            output=Projection(*(self.place.weight(tensor) for tensor in self.pair(f"{name}.to_out.0"))),
            text_keys=nothing,
            text_values=nothing,
        )

    def heads(self, rows: torch.Tensor, heads: int) -> torch.Tensor:
        """(1, T, C) as (1, heads, T, channels of a head)."""
        return self.place.weight(rows.reshape(1, rows.shape[1], heads, -1).transpose(1, 2).contiguous())

    def conv_in(self, name: str) -> Convolution:
        weight, bias = self.pair(name)
        if self.folds.channels:
            weight = weight[:, :IMAGE_CHANNELS] + weight[:, IMAGE_CHANNELS:]
        return Convolution(self.place.weight(weight), self.place.weight(bias))

    def conv_out(self, name: str) -> Convolution:
        weight, bias = self.pair(name)
        kept = IMAGE_CHANNELS if self.folds.channels else len(weight)
        return Convolution(self.place.weight(weight[:kept]), self.place.weight(bias[:kept]))

    def convolution(self, name: str, divisor: float = 1.0) -> Convolution:
        weight, bias = (tensor / divisor if divisor != 1 else tensor for tensor in self.pair(name))
        return Convolution(self.place.weight(weight), self.place.weight(bias))

    def doubling_convolution(self, name: str) -> DoublingConvolution:
        weight, bias = self.pair(name)
        return DoublingConvolution(self.place.weight(enlarging_weight(weight)), self.place.weight(bias))

    def norm(self, name: str) -> GroupNorm:
        norm = cast("nn.GroupNorm", self.unet.get_submodule(name))
        weight, bias = (self.place.norm_weight(tensor) for tensor in self.pair(name))
        return GroupNorm(weight, bias, norm.num_groups, norm.eps)

    def pair(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of a module in float32, as they are for the task."""
        weight, bias = (self.tensor(f"{name}.{part}") for part in ("weight", "bias"))
        return weight, bias

    def tensor(self, name: str) -> torch.Tensor:
        found = self.overrides.get(name)
        return (self.unet.get_parameter(name) if found is None else found).detach().float()

    def part(self, name: str, build: Callable[[str], Part]) -> Part:
        """The part as it is built once for all, unless a weight of it is replaced."""
        if any(changed.startswith(f"{name}.") for changed in self.overrides):
            return build(name)
        if name not in self.shared:
            self.shared[name] = build(name)
        return cast("Part", self.shared[name])


def activation(module: nn.Module) -> Function:
    """The function of a module; SiLU overwrites what a norm has made for it, unless a gradient is wanted."""
    return overwriting_silu if isinstance(module, nn.SiLU) else gelu


def overwriting_silu(x: torch.Tensor) -> torch.Tensor:
    return silu(x, inplace=not torch.is_grad_enabled())


def enlarging_weight(weight: torch.Tensor) -> torch.Tensor:
    """The transposed 4 x 4 convolution (in, out, 4, 4) that equals doubling by nearest neighbours and a 3 x 3
    convolution (out, in, 3, 3) with a border of zeros.

    Doubling spreads each pixel over 2 x 2; the two together are the full correlation of the flipped kernel with 2 x 2
    ones, of which the border takes one row and column on each side.
    """
    flipped = weight.flip(2, 3).transpose(0, 1)
    wide = nn.functional.pad(flipped, (1, 1, 1, 1))
    return wide[..., 1:, 1:] + wide[..., 1:, :-1] + wide[..., :-1, 1:] + wide[..., :-1, :-1]
