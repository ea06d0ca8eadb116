"""The tensors of a UNet of guided-diffusion by the names that diffusers' `UNet2DModel` gives them."""

import re
from typing import Literal

import torch

from adapters.models.denoisers.guided_diffusion.layout import Layout, Tensors

AttentionOrder = Literal["heads-first", "parts-first"]
ENDS = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
MIDDLE = {"0": "mid_block.resnets.0", "1": "mid_block.attentions.0", "2": "mid_block.resnets.1"}
PARTS = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
    "norm": "group_norm",
    "proj_out": "to_out.0",
}
QKV = "qkv"
BLOCK = re.compile(r"(?P<block>middle_block\.\d+|(?:in|out)put_blocks\.\d+\.\d+)\.(?P<part>.+)")


def renamed(state: Tensors, layout: Layout, channels_per_head: int, order: AttentionOrder) -> dict[str, torch.Tensor]:
    """All tensors; one that has no place in a UNet2DModel keeps its name, which loading then refuses."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        module, _, kind = name.rpartition(".")
        match = BLOCK.fullmatch(module)
        if module in ENDS or match is None:
            found[f"{ENDS.get(module, module)}.{kind}"] = tensor
            continue
        block = block_name(match["block"], state, layout)
        if match["part"] == QKV:
            parts = qkv_parts(tensor, channels_per_head, order)
            found |= {
                f"{block}.{part}.{kind}": rows for part, rows in zip(("to_q", "to_k", "to_v"), parts, strict=True)
            }
        else:
            found[f"{block}.{PARTS.get(match['part'], match['part'])}.{kind}"] = as_linear(tensor)
    return found


def block_name(block: str, state: Tensors, layout: Layout) -> str:
    """Of a residual block or an attention: `input_blocks.4.1` -> `down_blocks.1.attentions.0`."""
    side, *numbers = block.split(".")
    if side == "middle_block":
        return MIDDLE.get(numbers[0], block)
    entry, place = (int(number) for number in numbers)
    level, index = divmod(entry - 1 if side == "input_blocks" else entry, layout.blocks + 1)
    blocks = f"{'down' if side == 'input_blocks' else 'up'}_blocks.{level}"
    if f"{block}.{QKV}.weight" in state:
        return f"{blocks}.attentions.{index}"
    if side == "input_blocks" and index == layout.blocks:
        return f"{blocks}.downsamplers.0"
    return f"{blocks}.upsamplers.0" if place else f"{blocks}.resnets.{index}"


def qkv_parts(tensor: torch.Tensor, channels_per_head: int, order: AttentionOrder) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values of a joint weight (3 C, C, 1) or bias (3 C,).

    Its rows go by head first, as `QKVAttentionLegacy` reads them, or by part first, as `QKVAttention` does.
    """
    rows = as_linear(tensor)
    if order == "parts-first":
        return rows.chunk(3)
    by_head = rows.reshape(-1, 3, channels_per_head, *rows.shape[1:])
    return tuple(by_head[:, part].flatten(0, 1) for part in range(3))


def as_linear(tensor: torch.Tensor) -> torch.Tensor:
    """A convolution of single positions (out, in, 1) as a linear map; any other tensor as it is."""
    return tensor.flatten(1) if tensor.ndim == 3 else tensor
