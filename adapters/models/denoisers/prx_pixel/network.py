"""PRXPixel's transformer for a constant prompt, as plain functions of tensors: from x_t to the clean image."""

from dataclasses import dataclass

import torch
from diffusers.models.transformers.transformer_prx import apply_rope, img2seq, seq2img
from torch.nn.functional import gelu, layer_norm, linear, rms_norm

from adapters.models.denoisers.folded.blocks import Projection, attend, prepend

NORM_EPS = 1e-6
"""Of every norm in the transformer."""


@dataclass(frozen=True)
class ModulatedNorm:
    """Layer norm of the last dimension whose weights (C,) are 1 + scale and shift of a constant modulation."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return layer_norm(x, self.weight.shape, self.weight, self.bias, NORM_EPS)


@dataclass(frozen=True)
class Modulation:
    """What a block takes from the time and the size of the image; gates are (C,)."""

    attention_norm: ModulatedNorm
    attention_gate: torch.Tensor
    mlp_norm: ModulatedNorm
    mlp_gate: torch.Tensor


@dataclass(frozen=True)
class TimeConstants:
    """All that depends on time and size alone; `rope` is (1, 1, L, channels of a head / 2, 2, 2) for L patches."""

    modulations: tuple[Modulation, ...]
    final_norm: ModulatedNorm
    rope: torch.Tensor


@dataclass(frozen=True)
class Block:
    """Weights of a block, (out, in); `query_norm` has the softmax's scale in it.

    `text_keys` and `text_values` are (1, heads, T, channels of a head).
    """

    qkv: torch.Tensor
    query_norm: torch.Tensor
    key_norm: torch.Tensor
    output: torch.Tensor
    gate: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor
    text_keys: torch.Tensor
    text_values: torch.Tensor

    def __call__(self, x: torch.Tensor, modulation: Modulation, rope: torch.Tensor) -> torch.Tensor:
        x = x + modulation.attention_gate * self.attention(modulation.attention_norm(x), rope)
        return x + modulation.mlp_gate * self.mlp(modulation.mlp_norm(x))

    def attention(self, x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
        """Of patches (B, L, C) to the text and to each other."""
        head = len(self.query_norm)
        queries, keys, values = linear(x, self.qkv).view(*x.shape[:2], 3, -1, head).permute(2, 0, 3, 1, 4)
        queries = apply_rope(rms_norm(queries, (head,), self.query_norm, NORM_EPS), rope)
        keys = apply_rope(rms_norm(keys, (head,), self.key_norm, NORM_EPS), rope)
        attended = attend(queries, prepend(self.text_keys, keys), prepend(self.text_values, values))
        return linear(attended.transpose(1, 2).flatten(2), self.output)

    def mlp(self, x: torch.Tensor) -> torch.Tensor:
        return linear(gelu(linear(x, self.gate), approximate="tanh") * linear(x, self.up), self.down)


@dataclass(frozen=True)
class FoldedTransformer:
    """The clean images (B, 3, H, W) around [-1, 1], float32, of x_t (B, 3, H, W), for one prompt."""

    patch_size: int
    patches: tuple[Projection, ...]
    """One after the other, without an activation between them."""
    blocks: tuple[Block, ...]
    pixels: Projection

    def __call__(self, x_t: torch.Tensor, constants: TimeConstants) -> torch.Tensor:
        x = img2seq(x_t.to(self.pixels.weight.dtype), self.patch_size)
        for projection in self.patches:
            x = projection(x)
        for block, modulation in zip(self.blocks, constants.modulations, strict=True):
            x = block(x, modulation, constants.rope)
        clean: torch.Tensor = seq2img(self.pixels(constants.final_norm(x)), self.patch_size, x_t.shape)
        return clean.float()
